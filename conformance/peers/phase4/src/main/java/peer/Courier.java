package peer;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;

import com.helger.httpclient.HttpClientFactory;
import com.helger.peppol.sbdh.EPeppolMLSType;
import com.helger.peppolid.IDocumentTypeIdentifier;
import com.helger.peppolid.IParticipantIdentifier;
import com.helger.peppolid.IProcessIdentifier;
import com.helger.peppolid.factory.IIdentifierFactory;
import com.helger.phase4.CAS4;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.messaging.http.HttpRetrySettings;
import com.helger.phase4.peppol.Phase4PeppolSender;
import com.helger.phase4.peppol.Phase4PeppolSender.AbstractPeppolUserMessageBuilder;
import com.helger.phase4.sender.EAS4UserMessageSendResult;
import com.helger.phase4.profile.peppol.Phase4PeppolHttpClientSettings;
import com.helger.sbdh.SBDMarshaller;
import com.helger.security.certificate.TrustedCAChecker;
import com.helger.smpclient.url.SMPDNSResolutionException;

/** Sends messages with phase4's Peppol client, all with one key; each as its options say. */
final class Courier {
  // LIMIT: characters shown of each cause of a failure.
  private static final int CAUSE_MAX = 400;

  private static final IIdentifierFactory IDENTIFIERS = Phase4PeppolSender.IF;

  private final AS4CryptoFactoryInMemoryKeyStore crypto;
  private final TrustedCAChecker checker;

  Courier(Options options, TrustedCAChecker checker) throws Exception {
    this.crypto = Trust.crypto(options, "alias");
    this.checker = checker;
  }

  /** Sends the file that <em>options</em> name. Throws IllegalArgumentException when they cannot be followed. */
  Outcome send(Options options) throws Exception {
    return send(options, Files.readAllBytes(Path.of(options.need("file"))));
  }

  /** Sends <em>document</em>, which is the business document, or with option <em>sbd</em> one in its SBDH already. */
  Outcome send(Options options, byte[] document) throws Exception {
    long started = System.nanoTime();
    String messageId = options.get("message-id", UUID.randomUUID() + "@phase4");
    Poster poster = new Poster(options.get("tamper"));
    poster.setHttpClientFactory(new HttpClientFactory(new Phase4PeppolHttpClientSettings().setSSLContext(Trust.tls(options))));
    SignalCheck check = new SignalCheck(messageId);
    X509Certificate answerer = options.has("answer-cert") ? Trust.certificates(options.get("answer-cert"), options).get(0) : null;
    AtomicReference<String> endpoint = new AtomicReference<>("");
    AtomicReference<String> instanceId = new AtomicReference<>(options.get("instance-id", ""));
    var builder = options.flag("sbd", false) ? Phase4PeppolSender.sbdhBuilder().payload(document) : documentBuilder(options, document, instanceId);
    builder
        .cryptoFactory(crypto)
        .peppolAP_CAChecker(checker)
        .checkReceiverAPCertificate(true)
        .certificateConsumer((certificate, when, result) -> check.expect(answerer == null ? certificate : answerer))
        .endpointURLConsumer(endpoint::set)
        .messageID(messageId)
        .customHttpPoster(poster)
        .httpRetrySettings(retries(options))
        .rawResponseConsumer(check)
        .signalMsgConsumer(check);
    if (Curves.isWanted(options)) Curves.applyTo(builder);
    EAS4UserMessageSendResult result;
    try {
      address(builder, options);
      result = builder.sendMessageAndCheckForReceipt(failure -> check.details.add(causes(failure)));
    } catch (SMPDNSResolutionException unknown) {
      check.details.add(causes(unknown));
      result = EAS4UserMessageSendResult.TRANSPORT_ERROR_NO_RETRY;
    }
    long milliseconds = (System.nanoTime() - started) / 1_000_000;
    return new Outcome(
        result.getID(), check.codes, check.details, check.signalVerified, check.receiptVerified, check.signer, poster.httpStatus, poster.attempts,
        milliseconds, messageId, instanceId.get(), endpoint.get());
  }

  private static AbstractPeppolUserMessageBuilder<?> documentBuilder(Options options, byte[] document, AtomicReference<String> instanceId) {
    var builder = Phase4PeppolSender.builder().payload(document);
    if (options.has("instance-id")) builder.sbdhInstanceIdentifier(options.get("instance-id"));
    if (options.has("mls-to")) builder.mlsTo(participant(options.get("mls-to"))).mlsType(EPeppolMLSType.ALWAYS_SEND);
    builder.sbdDocumentConsumer(
        sbd -> {
          instanceId.set(sbd.getStandardBusinessDocumentHeader().getDocumentIdentification().getInstanceIdentifier());
          if (options.has("sbd-out")) new SBDMarshaller().write(sbd, new File(options.get("sbd-out")));
        });
    return builder;
  }

  private void address(AbstractPeppolUserMessageBuilder<?> builder, Options options) throws Exception {
    IParticipantIdentifier receiver = participant(options.need("to"));
    builder
        .documentTypeID(documentType(options.need("doctype")))
        .processID(process(options.need("process")))
        .senderParticipantID(participant(options.need("from")))
        .receiverParticipantID(receiver)
        .senderPartyID(options.has("seat") ? options.get("seat") : Trust.seat(crypto))
        .countryC1(options.get("country", "BE"))
        .compressPayload(options.flag("compress", true));
    // Set after document type and process: these set action and service too.
    if (options.flag("ping", false)) builder.service(CAS4.DEFAULT_SERVICE_URL).action(CAS4.DEFAULT_ACTION_URL);
    if (Discovery.isAsked(options)) builder.smpClient(Discovery.client(options, receiver));
    else builder.receiverEndpointDetails(Trust.certificates(options.need("receiver-cert"), options).get(0), options.need("url"));
  }

  private static HttpRetrySettings retries(Options options) {
    return new HttpRetrySettings()
        .setMaxRetries(options.number("retries", 0))
        .setDurationBeforeRetry(Duration.ofMillis(options.number("retry-wait-ms", 1000)));
  }

  private static IParticipantIdentifier participant(String value) {
    boolean withScheme = value.contains("::");
    return known(withScheme ? IDENTIFIERS.parseParticipantIdentifier(value) : IDENTIFIERS.createParticipantIdentifierWithDefaultScheme(value), value);
  }

  /** With its scheme, or without for busdox-docid-qns. */
  private static IDocumentTypeIdentifier documentType(String value) {
    boolean withScheme = value.startsWith("busdox-docid-qns::") || value.startsWith("peppol-doctype-wildcard::");
    return known(withScheme ? IDENTIFIERS.parseDocumentTypeIdentifier(value) : IDENTIFIERS.createDocumentTypeIdentifierWithDefaultScheme(value), value);
  }

  private static IProcessIdentifier process(String value) {
    boolean withScheme = value.contains("::");
    return known(withScheme ? IDENTIFIERS.parseProcessIdentifier(value) : IDENTIFIERS.createProcessIdentifierWithDefaultScheme(value), value);
  }

  /** Returns what was made of <em>value</em>; phase4 makes null of what is no identifier. */
  private static <T> T known(T identifier, String value) {
    if (identifier == null) throw new IllegalArgumentException("no identifier: " + value);
    return identifier;
  }

  /** An exception with its causes, one line; an exception that quotes a whole certificate is cut. */
  private static String causes(Throwable failure) {
    StringBuilder text = new StringBuilder();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (text.length() > 0) text.append(" <- ");
      String message = String.valueOf(cause.getMessage()).replaceAll("\\s+", " ");
      text.append(cause.getClass().getSimpleName()).append(": ").append(message, 0, Math.min(message.length(), CAUSE_MAX));
    }
    return text.toString();
  }
}
