package peer;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.crypto.ECryptoAlgorithmSign;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.incoming.IAS4IncomingProfileSelector;
import com.helger.phase4.model.pmode.IPModeIDProvider;
import com.helger.phase4.model.pmode.PMode;
import com.helger.phase4.model.pmode.resolve.IAS4PModeResolver;
import com.helger.phase4.peppol.Phase4PeppolSender.AbstractPeppolUserMessageBuilder;
import com.helger.phase4.profile.peppol.AS4PeppolProfileRegistarSPI;
import com.helger.phase4.profile.peppol.PeppolPMode;

/**
 * The security of eDelivery AS4 2.0 (Ed25519, X25519 with HKDF, AES key wrap) under the headers of Peppol, by phase4-lib alone: the artefacts of phase4's
 * own eDelivery 2.0 profile are not in the public registry. Keys come from PEM files, for a certificate on Curve25519 signs or agrees, never both.
 */
final class Curves {
  private static final Pattern KEY = Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");
  private static final String ALIAS = "key";

  private Curves() {}

  /** Whether option <em>suite</em> asks for it. */
  static boolean isWanted(Options options) {
    return switch (options.get("suite", "peppol")) {
      case "peppol" -> false;
      case "edelivery2" -> true;
      default -> throw new IllegalArgumentException("suite is peppol or edelivery2, not " + options.get("suite"));
    };
  }

  /** The key and certificate in the PEM file of option <em>name</em>, with <em>trusted</em>, the store of trusted CAs. */
  static AS4CryptoFactoryInMemoryKeyStore crypto(Options options, String name, List<X509Certificate> trusted)
      throws GeneralSecurityException, IOException {
    byte[] file = Files.readAllBytes(Path.of(options.need(name)));
    List<Certificate> chain = new ArrayList<>(CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(certificates(file))));
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    char[] password = ALIAS.toCharArray();
    store.setKeyEntry(ALIAS, key(file, chain.get(0).getPublicKey().getAlgorithm()), password, chain.toArray(Certificate[]::new));
    return new AS4CryptoFactoryInMemoryKeyStore(store, ALIAS, password, Trust.store(trusted));
  }

  /** The P-Mode of Peppol, signed by Ed25519. */
  static IAS4PModeResolver resolver() {
    return (id, service, action, initiator, responder, agreement, address) -> {
      PMode pmode = PeppolPMode.createPeppolPMode(initiator, responder, address, IPModeIDProvider.DEFAULT_DYNAMIC, false);
      pmode.getLeg1().getSecurity().setX509SignatureAlgorithm(ECryptoAlgorithmSign.EDDSA_ED25519);
      return pmode;
    };
  }

  /** Peppol's profile without its check of the P-Mode, which knows RSA alone. */
  static IAS4IncomingProfileSelector selector() {
    return new AS4IncomingProfileSelectorConstant(AS4PeppolProfileRegistarSPI.AS4_PROFILE_ID, false);
  }

  /** Lets <em>builder</em> sign, agree on a key, and read the answer by this suite. */
  static void applyTo(AbstractPeppolUserMessageBuilder<?> builder) {
    builder.pmodeResolver(resolver()).incomingProfileSelector(selector());
    builder.signingParams().setAlgorithmSign(ECryptoAlgorithmSign.EDDSA_ED25519).setSubjectCertConstraints();
    builder.cryptParams().setEDelivery2KeyAgreementX25519();
  }

  private static byte[] certificates(byte[] file) {
    String text = new String(file, StandardCharsets.US_ASCII);
    return text.substring(text.indexOf("-----BEGIN CERTIFICATE")).getBytes(StandardCharsets.US_ASCII);
  }

  /** PKCS#8; <em>algorithm</em> is what Java calls the certificate's key: EdDSA, or XDH. */
  private static PrivateKey key(byte[] file, String algorithm) throws GeneralSecurityException {
    Matcher found = KEY.matcher(new String(file, StandardCharsets.US_ASCII));
    if (!found.find()) throw new IllegalArgumentException("no PKCS#8 key in PEM before the certificate");
    byte[] encoded = Base64.getMimeDecoder().decode(found.group(1));
    return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
  }
}
