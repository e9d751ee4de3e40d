package peer;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

import com.helger.web.scope.mgr.WebScopeManager;

/** A Peppol AS4 sender for one message or a measured loop; the README lists the arguments. */
public final class Sender {
  private Sender() {}

  /** Exits with 0 when the receipt was right, with 1 when not, and with 2 when the arguments are wrong. */
  public static void main(String[] arguments) throws Exception {
    Peer.main(() -> System.exit(run(Options.of(arguments))));
  }

  private static int run(Options options) throws Exception {
    Peer.start(null, options);
    try {
      Courier courier = new Courier(options, Trust.checker(options));
      return options.has("repeat") ? loop(courier, options) : once(courier, options);
    } finally {
      WebScopeManager.onGlobalEnd();
    }
  }

  private static int once(Courier courier, Options options) throws Exception {
    Outcome outcome = courier.send(options);
    System.out.println(options.flag("json", false) ? outcome.json().getAsJsonString() : outcome.line());
    return outcome.succeeded() ? 0 : 1;
  }

  private static int loop(Courier courier, Options options) throws Exception {
    byte[] document = Files.readAllBytes(Path.of(options.need("file")));
    int repeat = options.number("repeat", 0);
    send(courier, options, document, options.number("warmup", 0));
    String before = stats(options);
    double cpu = Peer.cpuSeconds();
    long started = System.nanoTime();
    send(courier, options, document, repeat);
    double wall = (System.nanoTime() - started) / 1e9;
    cpu = Peer.cpuSeconds() - cpu;
    System.out.printf(
        Locale.ROOT,
        "{\"messages\": %d, \"wall_s\": %.3f, \"per_s\": %.1f, \"sender_cpu_ms\": %.3f, \"sender_rss_kib\": %d, \"sender_peak_rss_kib\": %d,"
            + " \"before\": %s, \"after\": %s}%n",
        repeat, wall, repeat / wall, cpu * 1000 / repeat, Peer.memoryKiB("VmRSS"), Peer.memoryKiB("VmHWM"), before, stats(options));
    return 0;
  }

  /** Sends <em>document</em> <em>times</em> times, by as many threads as option <em>threads</em> says. */
  private static void send(Courier courier, Options options, byte[] document, int times) throws Exception {
    int threads = options.number("threads", 1);
    AtomicInteger left = new AtomicInteger(times);
    Callable<Void> sending =
        () -> {
          while (left.getAndDecrement() > 0) {
            Outcome outcome = courier.send(options, document);
            if (!outcome.succeeded()) throw new IllegalStateException(outcome.line());
          }
          return null;
        };
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      for (Future<Void> each : pool.invokeAll(Collections.nCopies(threads, sending))) each.get();
    } finally {
      pool.shutdownNow();
    }
  }

  /** The receiver's own figures, read over HTTP; {@code null} where it shows none. */
  private static String stats(Options options) {
    try (var in = URI.create(options.need("url").replaceAll("/as4$", "/stats")).toURL().openStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
    } catch (IOException none) {
      return "null";
    }
  }
}
