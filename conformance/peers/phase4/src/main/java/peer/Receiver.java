package peer;

import java.io.IOException;
import java.util.function.Supplier;

import org.apache.wss4j.dom.WSConstants;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

import com.helger.collection.commons.CommonsArrayList;
import com.helger.http.EHttpMethod;
import com.helger.json.IJson;
import com.helger.json.JsonArray;
import com.helger.json.JsonObject;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.crypto.IAS4DecryptParameterModifier;
import com.helger.phase4.error.AS4Error;
import com.helger.phase4.incoming.AS4RequestHandler;
import com.helger.phase4.incoming.AS4ServerInitializer;
import com.helger.phase4.incoming.IAS4RequestHandlerErrorConsumer;
import com.helger.phase4.incoming.crypto.AS4IncomingSecurityConfiguration;
import com.helger.phase4.servlet.AS4UnifiedResponse;
import com.helger.phase4.servlet.AS4XServletHandler;
import com.helger.phase4.servlet.IAS4ServletRequestHandlerCustomizer;
import com.helger.phase4.wss.AS4CertificateOnlySignatureTrustValidator;
import com.helger.security.certificate.TrustedCAChecker;
import com.helger.web.scope.IRequestWebScopeWithoutResponse;
import com.helger.web.scope.mgr.WebScopeManager;
import com.helger.xservlet.AbstractXServlet;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletContextEvent;
import jakarta.servlet.ServletContextListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

/** A Peppol AS4 receiver on Jetty; the README lists arguments and addresses. */
public final class Receiver {
  private Receiver() {}

  /** Runs until it is stopped. */
  public static void main(String[] arguments) throws Exception {
    Peer.main(() -> serve(Options.of(arguments)));
  }

  private static void serve(Options options) throws Exception {
    Ledger ledger = new Ledger(options.get("store"));
    TrustedCAChecker checker = Trust.checker(options);
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(options.number("port", 8080));
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler("/");
    context.addEventListener(new Startup(options, checker, ledger));
    server.setHandler(context);
    server.setStopAtShutdown(true);
    server.start();
    System.out.printf("listening on http://127.0.0.1:%d/as4 after %.2f CPU s%n", connector.getLocalPort(), Peer.cpuSeconds());
    server.join();
  }

  /** Starts phase4 with the servlet context, and only then makes the servlets: they need its web scope. */
  private record Startup(Options options, TrustedCAChecker checker, Ledger ledger) implements ServletContextListener {
    @Override
    public void contextInitialized(ServletContextEvent event) {
      ServletContext context = event.getServletContext();
      Peer.start(context, options);
      AS4ServerInitializer.initAS4Server();
      var as4 = context.addServlet("as4", new As4Servlet(customizer()));
      as4.setLoadOnStartup(1);
      as4.addMapping("/as4");
      context.addFilter("refusals", new RefusalFilter(ledger)).addMappingForUrlPatterns(null, false, "/as4");
      get(context, "/stats", () -> stats());
      get(context, "/received", ledger::received);
      get(context, "/refused", ledger::refused);
      context.addServlet("forget", new ForgetServlet(checker, ledger)).addMapping("/forget");
    }

    private IAS4ServletRequestHandlerCustomizer customizer() {
      try {
        AS4CryptoFactoryInMemoryKeyStore signing = Trust.crypto(options, "alias");
        AS4CryptoFactoryInMemoryKeyStore decryption = Trust.crypto(options, hasSecondKey(options) ? "crypt-alias" : "alias");
        PeppolProcessor processor = new PeppolProcessor(checker, Trust.seat(signing), options.get("only-recipient"), ledger);
        return new Customizer(signing, decryption, processor, ledger, Curves.isWanted(options));
      } catch (Exception broken) {
        throw new IllegalStateException(broken);
      }
    }

    private static boolean hasSecondKey(Options options) {
      return options.has("crypt-alias") || Curves.isWanted(options);
    }

    private IJson stats() {
      try {
        return ledger.stats();
      } catch (IOException broken) {
        throw new IllegalStateException(broken);
      }
    }

    private static void get(ServletContext context, String path, Supplier<IJson> answer) {
      context.addServlet(path, new AnswerServlet(answer)).addMapping(path);
    }

    @Override
    public void contextDestroyed(ServletContextEvent event) {
      AS4ServerInitializer.shutdownAS4Server();
      WebScopeManager.onGlobalEnd();
    }
  }

  /** Gives phase4 our keys and our processor for each request, and takes certificates from BinarySecurityTokens only. */
  private record Customizer(
      AS4CryptoFactoryInMemoryKeyStore signing,
      AS4CryptoFactoryInMemoryKeyStore decryption,
      PeppolProcessor processor,
      Ledger ledger,
      boolean curves)
      implements IAS4ServletRequestHandlerCustomizer {
    @Override
    public void customizeBeforeHandling(IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response, AS4RequestHandler handler) {
      handler.setCryptoFactorySign(signing);
      handler.setCryptoFactoryCrypt(decryption);
      if (curves) handler.setPModeResolver(Curves.resolver()).setIncomingProfileSelector(Curves.selector());
      AS4IncomingSecurityConfiguration security = AS4IncomingSecurityConfiguration.createDefaultInstance();
      security.setDecryptParameterModifier(
          new IAS4DecryptParameterModifier() {
            @Override
            public void modifyWSSConfig(WSSConfig config) {
              config.setValidator(WSConstants.SIGNATURE, new AS4CertificateOnlySignatureTrustValidator());
            }
          });
      handler.setIncomingSecurityConfiguration(security);
      handler.setProcessorSupplier(() -> new CommonsArrayList<>(processor));
      handler.setErrorConsumer(noteRefusal());
    }

    private IAS4RequestHandlerErrorConsumer noteRefusal() {
      return (metadata, state, errors, message) -> {
        JsonArray found = new JsonArray();
        for (AS4Error error : errors) {
          JsonObject entry = new JsonObject();
          entry.add("code", error.getEbmsError().getErrorCode());
          entry.add("detail", error.getEbmsError().getErrorDetail());
          found.add(entry);
        }
        JsonObject facts = new JsonObject();
        facts.add("message_id", state.getMessageID());
        facts.add("errors", found);
        ledger.refuse(facts);
      };
    }

    @Override
    public void customizeAfterHandling(IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response, AS4RequestHandler handler) {}
  }

  /** phase4's request handler behind {@code POST}. */
  private static final class As4Servlet extends AbstractXServlet {
    private static final long serialVersionUID = 1;

    As4Servlet(IAS4ServletRequestHandlerCustomizer customizer) {
      settings().setMultipartEnabled(false);
      handlerRegistry().registerHandler(EHttpMethod.POST, new AS4XServletHandler().setRequestHandlerCustomizer(customizer));
    }
  }

  /** Notes requests that were refused before they were AS4: broken MIME, no SOAP, an envelope that cannot be read. */
  private record RefusalFilter(Ledger ledger) implements Filter {
    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain) throws IOException, ServletException {
      chain.doFilter(request, response);
      int status = ((HttpServletResponse) response).getStatus();
      if (status < 400) return;
      JsonObject facts = new JsonObject();
      facts.add("http_status", status);
      ledger.refuse(facts);
    }
  }

  /** Answers {@code GET} with JSON. */
  private static final class AnswerServlet extends HttpServlet {
    private static final long serialVersionUID = 1;
    private final transient Supplier<IJson> answer;

    AnswerServlet(Supplier<IJson> answer) {
      this.answer = answer;
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
      response.setContentType("application/json");
      response.setCharacterEncoding("UTF-8");
      response.getWriter().println(answer.get().getAsJsonString());
    }
  }

  /** {@code POST /forget}: empties the lists, not the counters, and drops cached revocation lists. */
  private static final class ForgetServlet extends HttpServlet {
    private static final long serialVersionUID = 1;
    private final transient TrustedCAChecker checker;
    private final transient Ledger ledger;

    ForgetServlet(TrustedCAChecker checker, Ledger ledger) {
      this.checker = checker;
      this.ledger = ledger;
    }

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response) throws ServletException {
      ledger.forget();
      Trust.forget(checker);
      response.setStatus(HttpServletResponse.SC_NO_CONTENT);
    }
  }
}
