package peer;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.logging.Level;
import java.util.logging.LogManager;

import com.helger.base.debug.GlobalDebug;
import com.helger.json.JsonObject;
import com.helger.phase4.dump.AS4DumpManager;
import com.helger.phase4.incoming.mgr.AS4ProfileSelector;
import com.helger.phase4.profile.peppol.AS4PeppolProfileRegistarSPI;
import com.helger.photon.io.WebFileIO;
import com.helger.servlet.mock.MockServletContext;
import com.helger.web.scope.mgr.WebScopeManager;
import com.sun.management.OperatingSystemMXBean;
import jakarta.activation.CommandMap;
import jakarta.servlet.ServletContext;

/** What all programs here share: phase4's start-up sequence and the figures of this process. */
final class Peer {
  private static final String TRANSFORMER_FACTORY = "javax.xml.transform.TransformerFactory";
  private static final String JDK_TRANSFORMER_FACTORY = "com.sun.org.apache.xalan.internal.xsltc.trax.TransformerFactoryImpl";

  private Peer() {}

  /** A program, which may fail in any way. */
  @FunctionalInterface
  interface Program {
    void run() throws Exception;
  }

  /** Runs <em>program</em>; wrong arguments end the process with a line and exit code 2, not with a stack trace. */
  static void main(Program program) throws Exception {
    try {
      program.run();
    } catch (IllegalArgumentException wrong) {
      System.err.println(wrong.getMessage());
      System.exit(2);
    }
  }

  /** Starts phase4; the order matters: web scope, debug flags, data path, profile. Null <em>context</em>: no web server. */
  static void start(ServletContext context, Options options) {
    pinTransformerFactory();
    quietJavaLogging();
    WebScopeManager.onGlobalBegin(context == null ? MockServletContext.create() : context);
    GlobalDebug.setProductionModeDirect(options.flag("production", false));
    GlobalDebug.setDebugModeDirect(options.flag("debug", false));
    if (CommandMap.getDefaultCommandMap().createDataContentHandler("multipart/related") == null)
      throw new IllegalStateException("no DataContentHandler for multipart/related: META-INF/mailcap of angus-mail is missing");
    if (!WebFileIO.isInited())
      WebFileIO.initPaths(new File(options.get("data", "generated")).getAbsoluteFile(), new File(".").getAbsolutePath(), false);
    AS4ProfileSelector.setCustomDefaultAS4ProfileID(AS4PeppolProfileRegistarSPI.AS4_PROFILE_ID);
    AS4DumpManager.setIncomingDumper(null);
    AS4DumpManager.setOutgoingDumper(null);
  }

  /**
   * Names the JDK's own XSLT factory. Otherwise every look-up, and there are several for each message, finds Saxon through its
   * signed jar and checks that jar's signature file anew, which costs more than all the cryptography together.
   */
  private static void pinTransformerFactory() {
    if (System.getProperty(TRANSFORMER_FACTORY) == null) System.setProperty(TRANSFORMER_FACTORY, JDK_TRANSFORMER_FACTORY);
  }

  /** Without this the JDK warns of each message with an attachment that "the input bytes to the digest operation are null". */
  private static void quietJavaLogging() {
    if (System.getProperty("java.util.logging.config.file") == null) LogManager.getLogManager().getLogger("").setLevel(Level.SEVERE);
  }

  /** Adds to <em>stats</em> what this process has used so far. */
  static void addFigures(JsonObject stats) throws IOException {
    stats.add("cpu_s", cpuSeconds());
    stats.add("rss_kib", memoryKiB("VmRSS"));
    stats.add("peak_rss_kib", memoryKiB("VmHWM"));
  }

  static double cpuSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
  }

  /** {@code VmRSS} or {@code VmHWM} of this process, in KiB; -1 where the system does not tell. */
  static long memoryKiB(String field) throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.isReadable(status)) return -1;
    for (String line : Files.readAllLines(status)) if (line.startsWith(field + ":")) return Long.parseLong(line.replaceAll("[^0-9]", ""));
    return -1;
  }

  static String sha256(byte[] bytes) throws GeneralSecurityException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }
}
