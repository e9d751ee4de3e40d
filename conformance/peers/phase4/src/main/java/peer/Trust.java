package peer;

import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.security.certificate.CertificateHelper;
import com.helger.security.certificate.TrustedCAChecker;
import com.helger.security.crl.CRLCache;
import com.helger.security.crl.CRLDownloader;
import com.helger.security.revocation.CertificateRevocationCheckerDefaults;
import com.helger.security.revocation.ERevocationCheckMode;

/** Our key, the CAs we trust, and how revocation is asked. */
final class Trust {
  // LIMIT: verdicts kept at once; a run knows a dozen certificates.
  private static final int VERDICTS_MAX = 100;

  // LIMIT: files whose certificates are kept, TLS contexts made of them, and keys that were opened.
  private static final int FILES_MAX = 100;

  private static final Map<List<Object>, List<X509Certificate>> READ = new ConcurrentHashMap<>();

  private static final Map<List<X509Certificate>, SSLContext> TLS = new ConcurrentHashMap<>();

  private static final String BEGIN_PEM = "-----BEGIN CERTIFICATE-----";

  private Trust() {}

  /** The key of option <em>alias</em> (the first of the store where there is none), with the store of trusted CAs. */
  static AS4CryptoFactoryInMemoryKeyStore crypto(Options options, String alias) throws GeneralSecurityException, IOException {
    if (Curves.isWanted(options)) return Curves.crypto(options, alias.equals("crypt-alias") ? "crypt-pem" : "sign-pem", authorities(options));
    KeyStore keys = pkcs12(options.need("keystore"), options);
    return new AS4CryptoFactoryInMemoryKeyStore(keys, alias(keys, options.get(alias)), password(options), store(authorities(options)));
  }

  /** The common name of our own certificate: the seat id. */
  static String seat(AS4CryptoFactoryInMemoryKeyStore crypto) throws GeneralSecurityException {
    return CertificateHelper.getSubjectCN((X509Certificate) crypto.getKeyStore().getCertificate(crypto.getKeyAlias()));
  }

  /**
   * A checker that takes leaves of the given issuing CAs alone.
   *
   * <p>The checker looks at the direct issuer and would take the root for one as well, were it in the list; so self-signed
   * certificates stay out of it. They complete the path where the signature is verified.
   */
  static TrustedCAChecker checker(Options options) throws GeneralSecurityException, IOException {
    X509Certificate[] issuers =
        authorities(options).stream().filter(ca -> !ca.getSubjectX500Principal().equals(ca.getIssuerX500Principal())).toArray(X509Certificate[]::new);
    if (issuers.length == 0) throw new IllegalArgumentException("no issuing CA among the trusted ones: give the AP CA beside the root");
    Duration kept = Duration.ofSeconds(options.number("revocation-cache", 5));
    ERevocationCheckMode mode =
        switch (options.get("revocation", "crl")) {
          case "crl" -> ERevocationCheckMode.CRL;
          case "none" -> ERevocationCheckMode.NONE;
          default -> throw new IllegalArgumentException("revocation is crl or none, not " + options.get("revocation"));
        };
    CertificateRevocationCheckerDefaults.setRevocationCheckMode(mode);
    CertificateRevocationCheckerDefaults.setAllowSoftFail(false);
    CertificateRevocationCheckerDefaults.setDefaultCRLCache(new CRLCache(new CRLDownloader(), kept));
    return new TrustedCAChecker(mode, kept, VERDICTS_MAX, issuers);
  }

  /** Drops what was fetched and judged so far, so that the next check asks anew. */
  static void forget(TrustedCAChecker checker) {
    CertificateRevocationCheckerDefaults.getDefaultCRLCache().clearCache();
    checker.getRevocationCache().clearCache();
  }

  /** The trusted CAs: those of <em>truststore</em>, or else the ones that the key store holds beside our certificate. */
  private static List<X509Certificate> authorities(Options options) throws GeneralSecurityException, IOException {
    if (options.has("truststore")) return certificates(options.get("truststore"), options);
    KeyStore keys = pkcs12(options.need("keystore"), options);
    List<X509Certificate> found = new ArrayList<>();
    for (Certificate certificate : keys.getCertificateChain(alias(keys, options.get("alias")))) found.add((X509Certificate) certificate);
    found.remove(0);
    if (found.isEmpty()) throw new IllegalArgumentException("the key store holds no CA: give a truststore");
    return found;
  }

  /** For https addresses: trusts the CAs of <em>tls-truststore</em>; null, which is the JVM's own choice, where there is none. */
  static SSLContext tls(Options options) throws GeneralSecurityException, IOException {
    if (!options.has("tls-truststore")) return null;
    List<X509Certificate> authorities = certificates(options.get("tls-truststore"), options);
    SSLContext known = TLS.get(authorities);
    if (known != null) return known;
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store(authorities));
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    keep(TLS, authorities, context);
    return context;
  }

  /** All certificates of PEM files joined by commas, or of a PKCS#12 trust store; a file is read again when it changed. */
  static List<X509Certificate> certificates(String files, Options options) throws GeneralSecurityException, IOException {
    List<X509Certificate> found = new ArrayList<>();
    for (String name : files.split(",")) {
      Path file = Path.of(name);
      List<Object> version = Arrays.asList(file, Files.getLastModifiedTime(file), options.get("password"));
      List<X509Certificate> known = READ.get(version);
      if (known == null) {
        known = read(file, options);
        keep(READ, version, known);
      }
      found.addAll(known);
    }
    // Java sees a certificate of a PKCS#12 file only when it carries the trust attribute; few other programs write it.
    if (found.isEmpty()) throw new IllegalArgumentException(files + " holds no trusted certificate that Java sees: give PEM files");
    return found;
  }

  /** Remembers <em>value</em>; a memory that is full begins anew. */
  static <K, V> void keep(Map<K, V> memory, K key, V value) {
    if (memory.size() >= FILES_MAX) memory.clear();
    memory.put(key, value);
  }

  private static List<X509Certificate> read(Path file, Options options) throws GeneralSecurityException, IOException {
    List<X509Certificate> found = new ArrayList<>();
    byte[] content = Files.readAllBytes(file);
    if (new String(content, StandardCharsets.ISO_8859_1).contains(BEGIN_PEM)) {
      for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(content)))
        found.add((X509Certificate) certificate);
    } else {
      KeyStore trusted = pkcs12(file.toString(), options);
      for (String alias : Collections.list(trusted.aliases())) if (trusted.isCertificateEntry(alias)) found.add((X509Certificate) trusted.getCertificate(alias));
    }
    return found;
  }

  /** A store of <em>certificates</em>, as phase4 and its SMP client want them. */
  static KeyStore store(List<X509Certificate> certificates) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    for (int i = 0; i < certificates.size(); i++) store.setCertificateEntry("ca-" + i, certificates.get(i));
    return store;
  }

  private static KeyStore pkcs12(String file, Options options) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (FileInputStream in = new FileInputStream(file)) {
      store.load(in, password(options));
    }
    return store;
  }

  private static String alias(KeyStore keys, String wanted) throws GeneralSecurityException {
    if (wanted != null) return wanted;
    for (String alias : Collections.list(keys.aliases())) if (keys.isKeyEntry(alias)) return alias;
    throw new IllegalArgumentException("the key store holds no key");
  }

  private static char[] password(Options options) {
    return options.get("password", "sandbox").toCharArray();
  }
}
