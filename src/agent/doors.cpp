#include "agent/doors.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "base/log.h"

namespace angarium::agent {
namespace {

constexpr std::string_view kSmtpTooMany = "421 4.3.2 ";  // RFC 5321 §4.2.3: the host's name follows
constexpr std::string_view kPop3TooMany = "-ERR [SYS/TEMP] Too many connections, try again later\r\n";
constexpr std::string_view kImapTooMany = "* BYE [UNAVAILABLE] Too many connections, try again later\r\n";
constexpr std::array<Service, 10> kServices = {{
    {"smtp", Service::Kind::smtp, Tls::starttls, "", kSmtpTooMany},
    {"submission", Service::Kind::submission, Tls::starttls, "", kSmtpTooMany},
    {"submissions", Service::Kind::submission, Tls::implicit, "", ""},
    {"odmr", Service::Kind::odmr, Tls::starttls, "", kSmtpTooMany},
    {"lmtp", Service::Kind::lmtp, Tls::starttls, "", kSmtpTooMany},
    {"pop3", Service::Kind::pop3, Tls::starttls, "pop3", kPop3TooMany},
    {"pop3s", Service::Kind::pop3, Tls::implicit, "pop3", ""},
    {"imap", Service::Kind::imap, Tls::starttls, "imap", kImapTooMany},
    {"imaps", Service::Kind::imap, Tls::implicit, "imap", ""},
    {"metrics", Service::Kind::metrics, Tls::none, "", ""},
}};

const Service& service_of(const std::string& name) {
  return *std::ranges::find_if(kServices, [&](const Service& service) { return service.name == name; });
}

/// A socket from the service manager.
struct Passed {
  int descriptor;
  io::Endpoint at;
  bool adopted = false;
};

Result<std::vector<Passed>> look_at(const std::vector<int>& descriptors) {
  std::vector<Passed> passed;
  for (const int descriptor : descriptors) {
    const auto listener = TRY(io::adopt_listener(dup(descriptor)));
    passed.push_back({descriptor, listener->local()});
  }
  return passed;
}

Result<> bind(Doors& doors, const configuration::Configuration& configuration, const configuration::Listener& wanted,
              std::vector<Passed>& passed) {
  const Service& service = service_of(wanted.protocol);
  if (service.tls == Tls::implicit && doors.tls == nullptr)
    return fail(configuration::kInvalid, wanted.protocol + " needs tls.certificate and tls.key");
  io::Endpoint endpoint;
  if (wanted.address.starts_with("unix:")) {
    endpoint = io::Endpoint::unix_path(configuration.resolve(std::string_view(wanted.address).substr(5)));
  } else {
    endpoint = TRY(io::Endpoint::parse(wanted.address));
  }
  io::ListenOptions options;
  options.when_exhausted = [text = too_many(service, configuration.server.hostname)](io::Stream& stream) {
    (void)stream.try_write(text);
  };
  const auto found =
      std::ranges::find_if(passed, [&](const Passed& socket) { return !socket.adopted && socket.at == endpoint; });
  if (found != passed.end()) {
    found->adopted = true;
    doors.listeners.push_back({0, TRY(io::adopt_listener(found->descriptor, options)), &service});
  } else if (!endpoint.is_ip()) {
    doors.listeners.push_back({0, TRY(io::listen(endpoint, options)), &service});
  } else {
    // A listener a loop on the same port: the kernel spreads connections, and each stays where it was accepted. The
    // first binds alone, so that a port somebody else has is an error.
    {
      auto probe = TRY(io::listen(endpoint, options));
    }
    options.reuse_port = true;
    for (std::size_t i = 0; i < doors.loops->size(); ++i)
      doors.listeners.push_back({i, TRY(io::listen(endpoint, options)), &service});
  }
  doors.lines.push_back(wanted.protocol + " " + endpoint.text());
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(configuration::kUnreadable, "cannot read " + path);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace

std::span<const Service> all_services() { return kServices; }

std::string too_many(const Service& service, const std::string& hostname) {
  std::string text(service.too_many);
  if (service.too_many == kSmtpTooMany) text += hostname + " Too many connections, try again later\r\n";
  return text;
}

Result<std::vector<wire::tls::Identity>> read_identities(const configuration::Configuration& configuration) {
  std::vector<configuration::Certificate> files = {{configuration.tls.certificate, configuration.tls.key}};
  files.insert(files.end(), configuration.certificates.begin(), configuration.certificates.end());
  std::vector<wire::tls::Identity> identities;
  for (const configuration::Certificate& pair : files) {
    std::string chain = TRY(read_file(configuration.resolve(pair.certificate)));
    std::string key = TRY(read_file(configuration.resolve(pair.key)));
    identities.push_back({std::move(chain), std::move(key)});
  }
  return identities;
}

Result<std::string> read_client_authorities(const configuration::Configuration& configuration) {
  if (configuration.tls.client_authorities.empty()) return std::string();
  return read_file(configuration.resolve(configuration.tls.client_authorities));
}

Result<Doors> Doors::open(const configuration::Configuration& configuration, const std::vector<int>& passed_sockets) {
  Doors doors;
  if (!configuration.tls.certificate.empty()) {
    auto identities = TRY(read_identities(configuration));
    const std::string clients = TRY(read_client_authorities(configuration));
    doors.tls = TRY(wire::tls::ServerContext::make(std::move(identities), system_clock(), system_random(), clients));
  }
  doors.loops = TRY(io::Loops::make(static_cast<std::size_t>(configuration.server.loops)));
  auto passed = TRY(look_at(passed_sockets));
  for (const configuration::Listener& listener : configuration.listeners)
    TRY(bind(doors, configuration, listener, passed));
  for (const Passed& socket : passed)
    if (!socket.adopted) log::warning("serve", "no listener is for the passed socket", {{"at", socket.at.text()}});
  return doors;
}

}  // namespace angarium::agent
