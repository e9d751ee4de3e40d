package peer;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Locale;

import org.w3c.dom.Node;

import com.helger.collection.commons.ICommonsList;
import com.helger.http.header.HttpHeaderMap;
import com.helger.json.JsonObject;
import com.helger.peppol.sbdh.PeppolSBDHData;
import com.helger.phase4.CAS4;
import com.helger.phase4.attachment.AS4DecompressException;
import com.helger.phase4.attachment.WSS4JAttachment;
import com.helger.phase4.ebms3header.Ebms3CollaborationInfo;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.error.AS4ErrorList;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.spi.AS4MessageProcessorResult;
import com.helger.phase4.incoming.spi.AS4SignalMessageProcessorResult;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.model.error.EEbmsError;
import com.helger.phase4.model.pmode.IPMode;
import com.helger.security.certificate.CertificateHelper;
import com.helger.security.certificate.TrustedCAChecker;

/** Called by phase4 for each message whose signature and decryption succeeded: makes the Peppol checks, then delivers. */
final class PeppolProcessor implements IAS4IncomingMessageProcessorSPI {
  private static final String NOT_SERVICED = "PEPPOL:NOT_SERVICED";

  private final TrustedCAChecker checker;
  private final String ourSeat;
  private final String onlyRecipient;
  private final Ledger ledger;

  /** <em>onlyRecipient</em> is one participant, or several joined by commas; null: everybody is served. */
  PeppolProcessor(TrustedCAChecker checker, String ourSeat, String onlyRecipient, Ledger ledger) {
    this.checker = checker;
    this.ourSeat = ourSeat;
    this.onlyRecipient = onlyRecipient;
    this.ledger = ledger;
  }

  @Override
  public AS4MessageProcessorResult processAS4UserMessage(
      IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers,
      Ebms3UserMessage message,
      IPMode pmode,
      Node bodyPayload,
      ICommonsList<WSS4JAttachment> attachments,
      IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    try {
      PeppolChecks.security(state, checker);
      PeppolChecks.parties(message, state.getSigningCertificate(), ourSeat);
      if (!isPing(message)) deliver(message, attachments, state);
      return AS4MessageProcessorResult.createSuccess();
    } catch (Refusal refusal) {
      var error = refusal.error.errorBuilder(Locale.US).refToMessageInError(state.getMessageID()).errorDetail(refusal.detail);
      if (refusal.getMessage() != null) error.description(refusal.getMessage(), Locale.US);
      errors.add(error.build());
    } catch (AS4DecompressException damaged) {
      throw damaged; // phase4 has an answer of its own to it.
    } catch (Exception broken) {
      errors.add(EEbmsError.EBMS_OTHER.errorBuilder(Locale.US).refToMessageInError(state.getMessageID()).errorDetail(broken.toString()).build());
    }
    return AS4MessageProcessorResult.createFailure();
  }

  /** To the test service. phase4's own notion looks at the P-Mode alone, which is the same for all messages here. [EBMS3 §5.2.2] */
  private static boolean isPing(Ebms3UserMessage message) {
    Ebms3CollaborationInfo info = message.getCollaborationInfo();
    return CAS4.DEFAULT_SERVICE_URL.equals(info.getServiceValue()) && CAS4.DEFAULT_ACTION_URL.equals(info.getAction());
  }

  private void deliver(Ebms3UserMessage message, ICommonsList<WSS4JAttachment> attachments, IAS4IncomingMessageState state) throws Exception {
    PeppolChecks.encryption(state);
    byte[] document = payload(attachments);
    PeppolSBDHData header = PeppolChecks.header(document);
    PeppolChecks.address(message, header);
    if (onlyRecipient != null && !List.of(onlyRecipient.split(",")).contains(header.getReceiverValue()))
      throw new Refusal(EEbmsError.EBMS_OTHER, "no endpoint for " + header.getReceiverValue(), NOT_SERVICED);
    String digest = Peer.sha256(document);
    JsonObject facts = new JsonObject();
    facts.add("message_id", state.getMessageID());
    facts.add("sha256", digest);
    facts.add("bytes", document.length);
    facts.add("signer", CertificateHelper.getSubjectCN(state.getSigningCertificate()));
    facts.add("sender", header.getSenderURIEncoded());
    facts.add("receiver", header.getReceiverURIEncoded());
    facts.add("document_type", header.getDocumentTypeURIEncoded());
    facts.add("process", header.getProcessURIEncoded());
    facts.add("instance_id", header.getInstanceIdentifier());
    ledger.deliver(state.getMessageID(), document, digest, facts);
  }

  private static byte[] payload(ICommonsList<WSS4JAttachment> attachments) throws Refusal {
    if (attachments == null || attachments.size() != 1) throw new Refusal(EEbmsError.EBMS_OTHER, "exactly one payload is expected");
    try (InputStream unzipped = attachments.get(0).getSourceStream()) {
      return unzipped.readAllBytes();
    } catch (IOException broken) {
      throw new Refusal(EEbmsError.EBMS_DECOMPRESSION_FAILURE, "the payload cannot be decompressed");
    }
  }

  @Override
  public AS4SignalMessageProcessorResult processAS4SignalMessage(
      IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers,
      Ebms3SignalMessage message,
      IPMode pmode,
      IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    return AS4SignalMessageProcessorResult.createFailure();
  }

  @Override
  public void processAS4ResponseMessage(
      IAS4IncomingMessageMetadata metadata, IAS4IncomingMessageState state, String responseId, byte[] response, boolean available, AS4ErrorList errors) {}
}
