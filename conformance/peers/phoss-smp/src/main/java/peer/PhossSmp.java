package peer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;

import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

import com.helger.phoss.smp.rest.SMPRestFilter;
import com.helger.phoss.smp.servlet.SMPStatusServlet;
import com.helger.phoss.smp.servlet.SMPWebAppListener;

import jakarta.servlet.DispatcherType;

/**
 * The published phoss-smp web application with its XML backend, on the loopback interface.
 *
 * <p>{@code --port N --data DIR --keystore P12 --alias NAME --truststore P12 --password TEXT [--smp-id ID] [--public-url URL]}
 */
public final class PhossSmp {
  private PhossSmp() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, String> args = read(arguments);
    int port = Integer.parseInt(need(args, "port"));
    configure(args, port);
    Server server = new Server();
    server.addConnector(connector(server, port));
    server.setHandler(application(Path.of(need(args, "data"))));
    server.setStopAtShutdown(true);
    server.start();
    System.out.println("listening on http://127.0.0.1:" + port);
    server.join();
  }

  /** The settings of phoss-smp are read from system properties before any file. */
  private static void configure(Map<String, String> args, int port) throws Exception {
    String data = Files.createDirectories(Path.of(need(args, "data"))).toRealPath().toString();
    String url = args.getOrDefault("public-url", "http://127.0.0.1:" + port);
    set("global.debug", "false");
    set("global.production", "true");
    set("webapp.datapath", data);
    set("webapp.checkfileaccess", "false");
    set("smp.backend", "xml");
    set("smp.forceroot", "true");
    set("smp.publicurl", url);
    set("smp.identifiertype", "peppol");
    set("smp.rest.type", "peppol");
    set("sml.smpid", args.getOrDefault("smp-id", "SANDBOX-SMP"));
    // It must ask and tell nobody outside: neither the locator nor the directory.
    for (String outside : new String[] {"sml.", "smp.directory.integration."}) {
      set(outside + "enabled", "false");
      set(outside + "required", "false");
    }
    set("smp.directory.integration.autoupdate", "false");
    for (String user : new String[] {"smp", "pdclient"}) {
      set(user + ".keystore.type", "pkcs12");
      set(user + ".keystore.path", need(args, "keystore"));
      set(user + ".keystore.password", need(args, "password"));
      set(user + ".keystore.key.alias", need(args, "alias"));
      set(user + ".keystore.key.password", need(args, "password"));
    }
    for (String user : new String[] {"smp", "pdclient", "smpclient"}) {
      set(user + ".truststore.type", "pkcs12");
      set(user + ".truststore.path", need(args, "truststore"));
      set(user + ".truststore.password", need(args, "password"));
    }
  }

  private static ServerConnector connector(Server server, int port) {
    HttpConfiguration http = new HttpConfiguration();
    // Identifiers carry %2F and %23 inside one segment of the path.
    http.setUriCompliance(UriCompliance.UNSAFE);
    ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http));
    connector.setHost("127.0.0.1");
    connector.setPort(port);
    return connector;
  }

  /** The application's parts as classes: they may only be made once its listener has run. */
  private static ServletContextHandler application(Path data) throws Exception {
    ServletContextHandler context = new ServletContextHandler("/");
    // It insists on a folder for its pages, which may be empty.
    context.setBaseResourceAsPath(Files.createDirectories(data.resolve("pages")).toRealPath());
    context.getServletHandler().setDecodeAmbiguousURIs(true);
    context.addEventListener(new SMPWebAppListener());
    context.addFilter(SMPRestFilter.class, "/*", EnumSet.of(DispatcherType.REQUEST));
    context.addServlet(new ServletHolder(SMPStatusServlet.class), "/smp-status/*");
    return context;
  }

  private static void set(String key, String value) {
    System.setProperty(key, value);
  }

  private static Map<String, String> read(String[] arguments) {
    Map<String, String> args = new HashMap<>();
    for (int i = 0; i < arguments.length; i += 2) {
      if (!arguments[i].startsWith("--")) {
        throw new IllegalArgumentException("not an option: " + arguments[i]);
      }
      if (i + 1 == arguments.length) {
        throw new IllegalArgumentException("no value for " + arguments[i]);
      }
      args.put(arguments[i].substring(2), arguments[i + 1]);
    }
    return args;
  }

  private static String need(Map<String, String> args, String name) {
    String value = args.get(name);
    if (value == null) {
      throw new IllegalArgumentException("--" + name + " is missing");
    }
    return value;
  }
}
