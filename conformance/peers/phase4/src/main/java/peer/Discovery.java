package peer;

import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;

import javax.net.ssl.SSLContext;

import org.xbill.DNS.DClass;
import org.xbill.DNS.Lookup;
import org.xbill.DNS.ResolverConfig;

import com.helger.collection.commons.CommonsArrayList;
import com.helger.dns.dnsjava.CustomServerConfigProvider;
import com.helger.peppolid.IParticipantIdentifier;
import com.helger.smpclient.peppol.SMPClientReadOnly;
import com.helger.smpclient.url.PeppolNaptrURLProvider;

/** Finds a receiver with phase4's own SMP client: at a fixed SMP, or through U-NAPTR records of a locator's zone. */
final class Discovery {
  private Discovery() {}

  static boolean isAsked(Options options) {
    return options.has("smp") || options.has("sml");
  }

  /** A client for the SMP of <em>receiver</em>, which takes answers signed by a certificate of <em>smp-truststore</em> alone. */
  static SMPClientReadOnly client(Options options, IParticipantIdentifier receiver) throws Exception {
    URI address = options.has("smp") ? URI.create(options.get("smp")) : locate(options, receiver);
    SSLContext tls = Trust.tls(options);
    return new SMPClientReadOnly(address)
        .setTrustStore(Trust.store(Trust.certificates(options.need("smp-truststore"), options)))
        .withHttpClientSettings(settings -> settings.setSSLContext(tls));
  }

  /** dnsjava's servers belong to the whole process, so one look-up at a time. */
  private static synchronized URI locate(Options options, IParticipantIdentifier receiver) throws Exception {
    if (options.has("dns")) ResolverConfig.setConfigProviders(List.of(new CustomServerConfigProvider(new CommonsArrayList<>(server(options.get("dns"))))));
    // A record that a test changed a moment ago must be seen.
    Lookup.getDefaultCache(DClass.IN).clearCache();
    String zone = options.get("sml");
    return PeppolNaptrURLProvider.INSTANCE.getSMPURIOfParticipant(receiver, zone.endsWith(".") ? zone : zone + ".");
  }

  private static InetSocketAddress server(String address) {
    int colon = address.lastIndexOf(':');
    if (colon < 0) return new InetSocketAddress(address, 53);
    return new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
  }
}
