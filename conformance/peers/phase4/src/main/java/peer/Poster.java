package peer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.io.HttpClientResponseHandler;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;

import com.helger.http.header.HttpHeaderMap;
import com.helger.phase4.messaging.http.BasicHttpPoster;

/** phase4's HTTP client, counting attempts, keeping the status, and changing one byte on the way where that is asked for. */
final class Poster extends BasicHttpPoster {
  private static final Pattern BODY = Pattern.compile("<([A-Za-z0-9]+):Body(\\s[^>]*?)?(/?>)");

  private final String tamper;
  int attempts;
  int httpStatus;

  /** <em>tamper</em>: null or no, or what to change: payload (also yes), messaging, body, signature. */
  Poster(String tamper) {
    this.tamper =
        switch (tamper == null ? "no" : tamper) {
          case "no", "false" -> null;
          case "yes", "true" -> "payload";
          case "payload", "messaging", "body", "signature" -> tamper;
          default -> throw new IllegalArgumentException("tamper is payload, messaging, body or signature, not " + tamper);
        };
  }

  @Override
  public <T> T sendGenericMessage(String url, HttpHeaderMap headers, HttpEntity entity, HttpClientResponseHandler<? extends T> handler) throws IOException {
    attempts++;
    httpStatus = 0;
    HttpEntity sent = tamper == null ? entity : changed(entity);
    return super.sendGenericMessage(
        url,
        headers,
        sent,
        response -> {
          httpStatus = response.getCode();
          return handler.handleResponse(response);
        });
  }

  private HttpEntity changed(HttpEntity entity) throws IOException {
    ByteArrayOutputStream copy = new ByteArrayOutputStream();
    entity.writeTo(copy);
    // Latin 1 turns bytes into characters and back unchanged.
    StringBuilder text = new StringBuilder(copy.toString(StandardCharsets.ISO_8859_1));
    switch (tamper) {
      case "payload" -> flip(text, payloadMiddle(text));
      case "messaging" -> flip(text, after(text, ":ConversationId>"));
      case "signature" -> change(text, after(text, ":SignatureValue>\\s*"));
      default -> fillBody(text);
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.ISO_8859_1);
    return new ByteArrayEntity(bytes, entity.getContentType() == null ? null : ContentType.parse(entity.getContentType()));
  }

  private static void flip(StringBuilder text, int place) {
    text.setCharAt(place, (char) (text.charAt(place) ^ 1));
  }

  /** Puts another letter of base64 in its place, so that what is there can still be decoded. */
  private static void change(StringBuilder text, int place) {
    text.setCharAt(place, text.charAt(place) == 'A' ? 'B' : 'A');
  }

  /** The Body of a Peppol message is empty; here it gets a word. */
  private static void fillBody(StringBuilder text) {
    Matcher body = BODY.matcher(text);
    if (!body.find()) throw new IllegalStateException("the message has no Body");
    boolean empty = body.group(3).equals("/>");
    text.replace(body.start(3), body.end(3), empty ? ">word</" + body.group(1) + ":Body>" : ">word");
  }

  private static int payloadMiddle(StringBuilder text) {
    int start = text.indexOf("\r\n\r\n", after(text, "</[A-Za-z0-9]+:Envelope>"));
    int end = text.lastIndexOf("\r\n--");
    if (start < 0 || end < start) throw new IllegalStateException("the message has no attachment to change");
    return (start + 4 + end) / 2;
  }

  private static int after(StringBuilder text, String pattern) {
    Matcher found = Pattern.compile(pattern).matcher(text);
    if (!found.find()) throw new IllegalStateException("the message has no " + pattern);
    return found.end();
  }
}
