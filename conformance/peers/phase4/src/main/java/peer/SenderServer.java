package peer;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

import com.helger.json.IJson;
import com.helger.json.JsonObject;
import com.helger.json.serialize.JsonReader;
import com.helger.security.certificate.TrustedCAChecker;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** A sender that stays: {@code POST /send} sends one message and tells what became of it. The README lists keys and answers. */
public final class SenderServer {
  // LIMIT: bytes of one request; it names files and holds none.
  private static final int REQUEST_MAX = 64 * 1024;
  // LIMIT: messages sent at the same time.
  private static final int THREADS = 4;

  private final Options defaults;
  private final TrustedCAChecker checker;
  private final Map<Object, Courier> couriers = new ConcurrentHashMap<>();
  private final AtomicLong sent = new AtomicLong();

  private SenderServer(Options defaults) throws Exception {
    this.defaults = defaults;
    this.checker = Trust.checker(defaults);
  }

  /** Runs until it is stopped. */
  public static void main(String[] arguments) throws Exception {
    Peer.main(() -> serve(Options.of(arguments)));
  }

  private static void serve(Options options) throws Exception {
    Peer.start(null, options);
    SenderServer self = new SenderServer(options);
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", options.number("port", 8090)), 0);
    server.setExecutor(Executors.newFixedThreadPool(THREADS));
    server.createContext("/send", exchange -> self.handle(exchange, "POST", self::send));
    server.createContext("/stats", exchange -> self.handle(exchange, "GET", self::stats));
    server.createContext("/forget", exchange -> self.handle(exchange, "POST", self::forget));
    server.start();
    System.out.printf("listening on http://127.0.0.1:%d/send after %.2f CPU s%n", server.getAddress().getPort(), Peer.cpuSeconds());
  }

  /** Turns the body of a request into an answer; IllegalArgumentException is the caller's fault. */
  @FunctionalInterface
  private interface Answer {
    JsonObject to(String body) throws Exception;
  }

  private JsonObject send(String body) throws Exception {
    IJson given = JsonReader.readFromString(body);
    if (given == null || !given.isObject()) throw new IllegalArgumentException("the request is no JSON object");
    Options options = defaults.with(given.getAsObject());
    Outcome outcome = courier(options).send(options);
    sent.incrementAndGet();
    return outcome.json();
  }

  /** One courier for each key, kept: opening a PKCS#12 file costs more than sending a message. */
  private Courier courier(Options options) throws Exception {
    Path file = Path.of(options.need(Curves.isWanted(options) ? "sign-pem" : "keystore"));
    Object key = Arrays.asList(file, Files.getLastModifiedTime(file), options.get("alias"), options.get("truststore"), options.get("password"));
    Courier known = couriers.get(key);
    if (known != null) return known;
    Courier made = new Courier(options, checker);
    Trust.keep(couriers, key, made);
    return made;
  }

  private JsonObject stats(String body) throws IOException {
    JsonObject stats = new JsonObject();
    stats.add("sent", sent.get());
    Peer.addFigures(stats);
    return stats;
  }

  /** Drops cached revocation lists and opened key stores. */
  private JsonObject forget(String body) {
    couriers.clear();
    Trust.forget(checker);
    return new JsonObject();
  }

  private void handle(HttpExchange exchange, String method, Answer answer) throws IOException {
    int status = 200;
    JsonObject json;
    try (exchange) {
      try {
        if (!method.equals(exchange.getRequestMethod())) throw new IllegalArgumentException("only " + method + " here");
        byte[] body = exchange.getRequestBody().readNBytes(REQUEST_MAX + 1);
        if (body.length > REQUEST_MAX) throw new IllegalArgumentException("the request is larger than " + REQUEST_MAX + " bytes");
        json = answer.to(new String(body, StandardCharsets.UTF_8));
      } catch (IllegalArgumentException | IOException wrong) {
        status = 400;
        json = problem(wrong);
      } catch (Exception broken) {
        status = 500;
        json = problem(broken);
      }
      byte[] text = json.getAsJsonString().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(status, text.length);
      exchange.getResponseBody().write(text);
    }
  }

  private static JsonObject problem(Exception failure) {
    JsonObject json = new JsonObject();
    json.add("detail", failure.toString());
    return json;
  }
}
