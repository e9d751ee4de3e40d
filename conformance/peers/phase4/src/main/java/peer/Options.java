package peer;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

import com.helger.json.IJson;
import com.helger.json.IJsonObject;

/** Named values, from a command line ({@code --name value}) and, for one message, from a JSON object on top of it. */
final class Options {
  /** A name that is none of these is refused, so that a typing error does not pass for a default. */
  private static final Set<String> NAMES =
      Set.of(
          "alias", "answer-cert", "compress", "country", "crypt-alias", "crypt-pem", "data", "debug", "dns", "doctype", "file", "from", "instance-id", "json", "keystore",
          "message-id", "mls-to", "only-recipient", "password", "ping", "port", "process", "production", "receiver-cert", "repeat", "retries",
          "retry-wait-ms", "revocation", "revocation-cache", "sbd", "sbd-out", "seat", "sign-pem", "smp", "smp-truststore", "sml", "store", "suite",
          "tamper", "threads", "tls-truststore", "to", "truststore", "url", "warmup");

  private final Map<String, String> values;

  private Options(Map<String, String> values) {
    for (String name : values.keySet()) if (!NAMES.contains(name)) throw new IllegalArgumentException("unknown option " + name);
    this.values = values;
  }

  /** Reads {@code --name value} pairs. */
  static Options of(String[] args) {
    Map<String, String> found = new HashMap<>();
    for (int i = 0; i < args.length; i += 2) {
      if (!args[i].startsWith("--")) throw new IllegalArgumentException("expected --name, got " + args[i]);
      if (i + 1 == args.length) throw new IllegalArgumentException("no value for " + args[i]);
      found.put(args[i].substring(2), args[i + 1]);
    }
    return new Options(found);
  }

  /** These options with those of a JSON object instead of their namesakes; null takes an option away. */
  Options with(IJsonObject given) {
    Map<String, String> merged = new HashMap<>(values);
    for (Map.Entry<String, IJson> entry : given) {
      String name = entry.getKey().replace('_', '-');
      if (!NAMES.contains(name)) throw new IllegalArgumentException("unknown key " + entry.getKey());
      if (!entry.getValue().isValue()) throw new IllegalArgumentException(entry.getKey() + " must be a string, a number or a boolean");
      Object value = entry.getValue().getAsValue().getValue();
      if (value == null) merged.remove(name);
      else merged.put(name, value.toString());
    }
    return new Options(merged);
  }

  boolean has(String name) {
    return values.containsKey(name);
  }

  /** The value, or null. */
  String get(String name) {
    return values.get(name);
  }

  String get(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  int number(String name, int otherwise) {
    return has(name) ? Integer.parseInt(get(name)) : otherwise;
  }

  /** {@code yes} or {@code true}, {@code no} or {@code false}. */
  boolean flag(String name, boolean otherwise) {
    if (!has(name)) return otherwise;
    return switch (get(name)) {
      case "yes", "true" -> true;
      case "no", "false" -> false;
      default -> throw new IllegalArgumentException(name + " is yes or no, not " + get(name));
    };
  }

  String need(String name) {
    String value = values.get(name);
    if (value == null) throw new IllegalArgumentException(name + " is missing");
    return value;
  }
}
