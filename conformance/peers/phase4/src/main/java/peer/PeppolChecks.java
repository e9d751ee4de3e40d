package peer;

import java.security.cert.X509Certificate;
import java.util.List;

import org.apache.wss4j.dom.str.STRParser;

import com.helger.peppol.sbdh.PeppolSBDHData;
import com.helger.peppol.sbdh.PeppolSBDHDataReadException;
import com.helger.peppol.sbdh.PeppolSBDHDataReader;
import com.helger.peppolid.factory.PeppolIdentifierFactory;
import com.helger.phase4.ebms3header.Ebms3CollaborationInfo;
import com.helger.phase4.ebms3header.Ebms3PartyId;
import com.helger.phase4.ebms3header.Ebms3Property;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.model.error.EEbmsError;
import com.helger.phase4.profile.peppol.PeppolPMode;
import com.helger.sbdh.SBDMarshaller;
import com.helger.security.certificate.CertificateHelper;
import com.helger.security.certificate.ECertificateCheckResult;
import com.helger.security.certificate.TrustedCAChecker;

/** What Peppol demands of a message beyond AS4. Each check returns or throws a {@link Refusal}. */
final class PeppolChecks {
  private static final String SEAT_ID = "P[A-Z]{2}[0-9]{6}";

  private PeppolChecks() {}

  /** Signed and encrypted, both by certificates in BinarySecurityTokens, and the signer is an access point of ours to trust. */
  static void security(IAS4IncomingMessageState state, TrustedCAChecker checker) throws Refusal {
    if (!state.isSoapSignatureChecked()) throw new Refusal(EEbmsError.EBMS_POLICY_NONCOMPLIANCE, "the message is not signed");
    if (state.getSigningCertificateReferenceType() != STRParser.REFERENCE_TYPE.DIRECT_REF)
      throw new Refusal(EEbmsError.EBMS_POLICY_NONCOMPLIANCE, "the signing certificate is not in a BinarySecurityToken");
    ECertificateCheckResult result = checker.checkCertificate(state.getSigningCertificate(), MetaAS4Manager.getTimestampMgr().getCurrentDateTime());
    if (result == ECertificateCheckResult.REVOKED)
      throw new Refusal(EEbmsError.EBMS_FAILED_AUTHENTICATION, "the signing certificate is revoked, or its revocation list was not to be had");
    if (result.isInvalid())
      throw new Refusal(EEbmsError.EBMS_FAILED_AUTHENTICATION, "the signing certificate is not valid: " + result.getID());
  }

  /** The payload was encrypted, to a certificate in a BinarySecurityToken. A ping has no payload to encrypt. */
  static void encryption(IAS4IncomingMessageState state) throws Refusal {
    if (!state.isSoapDecrypted()) throw new Refusal(EEbmsError.EBMS_POLICY_NONCOMPLIANCE, "the message is not encrypted");
    if (state.getDecryptingCertificateReferenceType() != STRParser.REFERENCE_TYPE.DIRECT_REF)
      throw new Refusal(EEbmsError.EBMS_POLICY_NONCOMPLIANCE, "the encryption certificate is not in a BinarySecurityToken");
  }

  /** From is the signer, To is us. */
  static void parties(Ebms3UserMessage message, X509Certificate signer, String ourSeat) throws Refusal {
    String from = party("From", message.getPartyInfo().getFrom().getPartyId());
    String to = party("To", message.getPartyInfo().getTo().getPartyId());
    if (!from.equals(CertificateHelper.getSubjectCN(signer))) throw new Refusal(EEbmsError.EBMS_FAILED_AUTHENTICATION, "From is not the signer: " + from);
    if (!to.equals(ourSeat)) throw new Refusal(EEbmsError.EBMS_OTHER, "To is not us: " + to);
  }

  /** Reads the Peppol SBDH of <em>document</em>. */
  static PeppolSBDHData header(byte[] document) throws Refusal {
    var sbd = new SBDMarshaller().read(document);
    if (sbd == null) throw new Refusal(EEbmsError.EBMS_OTHER, "the payload is no StandardBusinessDocument");
    try {
      return new PeppolSBDHDataReader(PeppolIdentifierFactory.INSTANCE).extractData(sbd);
    } catch (PeppolSBDHDataReadException wrong) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "the SBDH is no Peppol one: " + wrong.getMessage());
    }
  }

  /** Sender, recipient, action and service say the same in both headers. */
  static void address(Ebms3UserMessage message, PeppolSBDHData header) throws Refusal {
    property(message, "originalSender", header.getSenderAsIdentifier().getURIEncoded());
    property(message, "finalRecipient", header.getReceiverAsIdentifier().getURIEncoded());
    Ebms3CollaborationInfo info = message.getCollaborationInfo();
    if (!header.getDocumentTypeAsIdentifier().getURIEncoded().equals(info.getAction()))
      throw new Refusal(EEbmsError.EBMS_OTHER, "Action differs from the document type of the SBDH: " + info.getAction());
    String service = info.getService().getType() + "::" + info.getServiceValue();
    if (!header.getProcessAsIdentifier().getURIEncoded().equals(service))
      throw new Refusal(EEbmsError.EBMS_OTHER, "Service differs from the process of the SBDH: " + service);
  }

  private static String party(String role, List<Ebms3PartyId> parties) throws Refusal {
    if (parties.size() != 1) throw new Refusal(EEbmsError.EBMS_OTHER, "exactly one PartyId is expected in " + role);
    Ebms3PartyId party = parties.get(0);
    if (!party.getValue().matches(SEAT_ID) || !PeppolPMode.DEFAULT_PARTY_TYPE_ID.equals(party.getType()))
      throw new Refusal(EEbmsError.EBMS_OTHER, "the PartyId in " + role + " is no seat id");
    return party.getValue();
  }

  private static void property(Ebms3UserMessage message, String name, String inHeader) throws Refusal {
    for (Ebms3Property property : message.getMessageProperties().getProperty())
      if (name.equals(property.getName()) && inHeader.equalsIgnoreCase(property.getType() + "::" + property.getValue())) return;
    throw new Refusal(EEbmsError.EBMS_OTHER, name + " differs from the SBDH or is missing");
  }
}
