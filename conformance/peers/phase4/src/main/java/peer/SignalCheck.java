package peer;

import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.helger.phase4.client.AS4ClientSentMessage;
import com.helger.phase4.ebms3header.Ebms3Error;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.MessagePartNRInformation;
import com.helger.phase4.ebms3header.NonRepudiationInformation;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.IAS4SignalMessageConsumer;
import com.helger.phase4.sender.IAS4RawResponseConsumer;
import com.helger.security.certificate.CertificateHelper;
import com.helger.xsds.xmldsig.ReferenceType;
import com.helger.xsds.xmldsig.TransformType;

/**
 * Our own verdict on the answer: who signed it, to which message it refers, and whether a receipt carries exactly the
 * references that were signed. [EBMS3 §5.2.3] [AS4 §5.1.8]
 */
final class SignalCheck implements IAS4SignalMessageConsumer, IAS4RawResponseConsumer {
  private final String messageId;
  private List<String> sent = List.of();
  private X509Certificate receiver;

  /** Codes of the errors in the answer. */
  final List<String> codes = new ArrayList<>();

  /** Details of those errors, and what is wrong with the answer. */
  final List<String> details = new ArrayList<>();

  /** Common name of whoever signed the answer; empty when it is not signed. */
  String signer = "";

  boolean signalVerified;
  boolean receiptVerified;

  SignalCheck(String messageId) {
    this.messageId = messageId;
  }

  /** Tells for whom the message was encrypted: that certificate must sign the answer. */
  void expect(X509Certificate certificate) {
    receiver = certificate;
  }

  /** Called before the answer is read: keeps the references of what was sent. */
  @Override
  public void handleResponse(AS4ClientSentMessage<byte[]> message) {
    sent = message.getBuiltMessage().getAllDSReferences().stream().map(SignalCheck::text).sorted().toList();
  }

  @Override
  public void handleSignalMessage(Ebms3SignalMessage message, IAS4IncomingMessageMetadata metadata, IAS4IncomingMessageState state) {
    for (Ebms3Error error : message.getError()) {
      codes.add(error.getErrorCode());
      details.add(text(error));
    }
    signalVerified = isOf(receiver, state) & refersToUs(message);
    receiptVerified = signalVerified && message.getReceipt() != null && carriesOurReferences(message);
  }

  private static String text(Ebms3Error error) {
    return Stream.of(error.getShortDescription(), error.getDescriptionValue(), error.getErrorDetail())
        .filter(part -> part != null && !part.isBlank())
        .distinct()
        .collect(Collectors.joining(": "));
  }

  private boolean isOf(X509Certificate expected, IAS4IncomingMessageState state) {
    if (!state.isSoapSignatureChecked() || state.getSigningCertificate() == null) {
      details.add("the answer is not signed");
      return false;
    }
    signer = String.valueOf(CertificateHelper.getSubjectCN(state.getSigningCertificate()));
    if (state.getSigningCertificate().equals(expected)) return true;
    details.add("the answer is signed by another certificate");
    return false;
  }

  private boolean refersToUs(Ebms3SignalMessage message) {
    if (messageId.equals(message.getMessageInfo().getRefToMessageId())) return true;
    details.add("the answer refers to " + message.getMessageInfo().getRefToMessageId());
    return false;
  }

  private boolean carriesOurReferences(Ebms3SignalMessage message) {
    List<String> acknowledged = new ArrayList<>();
    for (Object item : message.getReceipt().getAny())
      if (item instanceof NonRepudiationInformation information)
        for (MessagePartNRInformation part : information.getMessagePartNRInformation()) acknowledged.add(text(part.getReference()));
    acknowledged.sort(null);
    if (!sent.isEmpty() && sent.equals(acknowledged)) return true;
    details.add("the receipt carries other references: " + acknowledged + " for " + sent);
    return false;
  }

  /** A reference as text, so that sets of them compare; the order of transforms counts, other content of them does not. */
  private static String text(ReferenceType reference) {
    StringBuilder text = new StringBuilder(String.valueOf(reference.getURI()));
    if (reference.getTransforms() != null)
      for (TransformType transform : reference.getTransforms().getTransform()) text.append(' ').append(transform.getAlgorithm());
    text.append(' ').append(reference.getDigestMethod().getAlgorithm());
    return text.append(' ').append(Base64.getEncoder().encodeToString(reference.getDigestValue())).toString();
  }
}
