package peer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

import com.helger.json.IJson;
import com.helger.json.IJsonArray;
import com.helger.json.JsonArray;
import com.helger.json.JsonObject;

/** What became of the messages that arrived: delivered ones, with their payload where a folder is given, and refused ones. */
final class Ledger {
  // LIMIT: entries kept for GET /received and GET /refused; the oldest go first, the counters go on.
  private static final int ENTRIES_MAX = 10_000;

  private final Path store;
  private final Deque<IJson> received = new ArrayDeque<>();
  private final Deque<IJson> refused = new ArrayDeque<>();
  private long receivedCount;
  private long refusedCount;
  private String lastDigest = "";

  /** <em>folder</em> may be null: then payloads are counted and forgotten. */
  Ledger(String folder) throws IOException {
    store = folder == null ? null : Files.createDirectories(Path.of(folder)).toAbsolutePath();
  }

  /** Stores <em>document</em> and notes it; <em>facts</em> are what the caller knows of it. */
  synchronized void deliver(String messageId, byte[] document, String digest, JsonObject facts) throws IOException {
    if (store != null) {
      Path file = freeName(messageId);
      Files.write(file, document);
      facts.add("file", file.toString());
    }
    keep(received, facts);
    receivedCount++;
    lastDigest = digest;
  }

  synchronized void refuse(JsonObject facts) {
    keep(refused, facts);
    refusedCount++;
  }

  synchronized IJsonArray received() {
    return new JsonArray(received);
  }

  synchronized IJsonArray refused() {
    return new JsonArray(refused);
  }

  synchronized void forget() {
    received.clear();
    refused.clear();
  }

  synchronized JsonObject stats() throws IOException {
    JsonObject stats = new JsonObject();
    stats.add("received", receivedCount);
    stats.add("refused", refusedCount);
    Peer.addFigures(stats);
    stats.add("last_sha256", lastDigest);
    return stats;
  }

  private static void keep(Deque<IJson> entries, IJson entry) {
    if (entries.size() == ENTRIES_MAX) entries.removeFirst();
    entries.addLast(entry);
  }

  /** A file name that a stranger's message id cannot turn into a path. */
  private Path freeName(String messageId) {
    String stem = messageId.replaceAll("[^A-Za-z0-9.@_-]", "_");
    stem = stem.substring(0, Math.min(stem.length(), 150));
    Path file = store.resolve(stem + ".xml");
    for (int n = 2; Files.exists(file); n++) file = store.resolve(stem + "-" + n + ".xml");
    return file;
  }
}
