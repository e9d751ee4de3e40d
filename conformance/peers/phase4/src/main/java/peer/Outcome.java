package peer;

import java.util.List;

import com.helger.json.JsonArray;
import com.helger.json.JsonObject;

/** What became of one message that was sent; the README explains each field. */
record Outcome(
    String result,
    List<String> errorCodes,
    List<String> details,
    boolean signalVerified,
    boolean receiptVerified,
    String signer,
    int httpStatus,
    int attempts,
    long milliseconds,
    String messageId,
    String instanceId,
    String endpoint) {

  boolean succeeded() {
    return result.equals("success") && receiptVerified;
  }

  /** One line for people. */
  String line() {
    StringBuilder line = new StringBuilder(result).append(receiptVerified ? " receipt-verified" : " receipt-unverified");
    for (String code : errorCodes) line.append(' ').append(code);
    for (String detail : details) line.append(" [").append(detail).append(']');
    return line.toString();
  }

  JsonObject json() {
    JsonArray codes = new JsonArray();
    for (String code : errorCodes) codes.add(code);
    JsonObject json = new JsonObject();
    json.add("result", result);
    json.add("ebms_error", codes);
    json.add("detail", String.join("; ", details));
    json.add("signal_verified", signalVerified);
    json.add("receipt_verified", receiptVerified);
    json.add("signer", signer);
    json.add("http_status", httpStatus);
    json.add("attempts", attempts);
    json.add("ms", milliseconds);
    json.add("message_id", messageId);
    json.add("instance_id", instanceId);
    json.add("endpoint", endpoint);
    return json;
  }
}
