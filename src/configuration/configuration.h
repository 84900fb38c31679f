// The configuration file: few settings, one schema, strict. What changes while people use the server (accounts,
// domains, aliases) lives in the store and not here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sasl/types.h"

namespace angarium::configuration {

inline constexpr ErrorKind kUnreadable{"configuration.unreadable", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kInvalid{"configuration.invalid", Fault::user, Lasting::permanent};

/// One listening socket. The protocol name decides the agent and the TLS mode.
struct Listener {
  std::string protocol;  ///< lmtp smtp submission submissions odmr pop3 pop3s imap imaps metrics
  std::string address;   ///< "IPv4:port", "[IPv6]:port" or "unix:path"
};

/// A certificate chain and its private key, PEM files. Paths are relative to the configuration file.
struct Certificate {
  std::string certificate;
  std::string key;
};

/// Name and password for relays. The password lies in a file of its own, which the configuration only names.
struct RelayLogin {
  std::string name;              ///< what login=… of a transport says
  std::string user;              ///< as the relay knows us
  std::string password_file;     ///< relative to the configuration file; one of these three is there
  std::string token_file{};      ///< an access token, which somebody else keeps fresh
  std::string tickets{};         ///< a credentials cache of Kerberos
  bool weak_mechanisms = false;  ///< CRAM-MD5 and the like will do, where the relay has nothing sound
  /// What a security layer has to do at least with tls=none; none: there is no login without TLS.
  sasl::Protection layer = sasl::Protection::none;
};

/// A customer that is not always there: it logs in by this account, and fetches the mail for these domains (RFC 2645).
struct OdmrCustomer {
  std::string account;  ///< its address
  std::vector<std::string> domains;
};

enum class DirectoryKind { ldap, postgresql, sqlite };

/// People who are kept elsewhere. What is not its kind's has its default.
struct Directory {
  std::string name;  ///< for logs
  DirectoryKind kind = DirectoryKind::ldap;
  std::vector<std::string> domains;  ///< those whose addresses it knows
  std::string url;
  bool start_tls = false;
  std::string bind_dn;
  std::string base;
  std::string filter;  ///< as directory/person/template.h reads it
  std::string address_attribute = "mail";
  std::string name_attribute = "cn";
  std::string quota_attribute;
  std::string connection;
  std::string file;
  std::string query;  ///< as directory/sql/statement.h reads it
  bool plain_passwords = false;
  std::int64_t scram_iterations = 4096;
  std::string password_file;
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
  Duration timeout = std::chrono::seconds(5);
  std::int64_t connections = 4;
  friend bool operator==(const Directory&, const Directory&) = default;
};

/// Who gives out access tokens (OpenID Connect), by which users of these domains log in.
struct TokenIssuer {
  std::string issuer;                 ///< its "iss"
  std::vector<std::string> audience;  ///< one of them is the token's "aud"
  std::vector<std::string> domains;   ///< whose addresses its tokens may name
  std::string keys_file;              ///< a JWK set; or
  std::string keys_url;               ///< where to get one
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
  std::string address_claim = "email";
  Duration leeway = std::chrono::minutes(1);
  friend bool operator==(const TokenIssuer&, const TokenIssuer&) = default;
};

/// A realm of Kerberos whose users have accounts here: NAME@realm is NAME@domain.
struct KerberosRealm {
  std::string realm;
  std::string domain;
  friend bool operator==(const KerberosRealm&, const KerberosRealm&) = default;
};

enum class PlaintextWithoutTls { never, loopback, always };
enum class BareLineEnds { refuse, normalise };
enum class EarlyTalk { allow, refuse };
enum class Vrfy { off, users, all };
enum class LmtpAuth { off, offered, required };
enum class Dnssec { automatic, strict, off };

/// One line of [transport]. route/transport.h has the grammar of both; a Configuration that exists is right in both.
struct TransportRule {
  std::string key;
  std::string transport;
};

/// All settings with their defaults. A value object: a reload makes a new one.
struct Configuration {
  std::string directory;  ///< where the file lies; relative paths start here

  struct Server {
    std::string hostname = "localhost";
    std::string data = "store";
    std::string user;
    std::int64_t loops = 0;
  } server;

  struct Log {
    std::string level = "info";
    std::string format = "auto";
  } log;

  std::vector<Listener> listeners;

  struct Tls {
    std::string certificate;
    std::string key;
    std::string client_authorities;
  } tls;
  std::vector<Certificate> certificates;  ///< further ones, chosen by server name

  struct Auth {
    PlaintextWithoutTls plaintext_without_tls = PlaintextWithoutTls::loopback;
    std::vector<std::string> mechanisms = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
                                           "SCRAM-SHA-1",        "PLAIN",         "LOGIN"};
    bool apop = false;
    std::string anonymous_account;
    std::vector<std::string> anonymous_mailboxes = {"INBOX"};
    std::int64_t argon2_memory_kib = 19456;
    std::int64_t argon2_passes = 2;
    std::int64_t failures_max = 5;
    Duration failures_window = std::chrono::minutes(10);
    Duration failure_delay = std::chrono::seconds(2);
  } auth;

  struct Smtp {
    std::int64_t message_size_max = 50LL << 20;
    std::int64_t recipients_max = 1000;
    BareLineEnds bare_line_ends = BareLineEnds::refuse;
    std::int64_t errors_max = 20;
    std::int64_t messages_per_minute = 0;
    std::vector<std::string> relay_networks;
    std::vector<std::string> relay_domains;
    std::vector<std::string> etrn_networks;
    std::int64_t checkpoint_size = 0;
    Vrfy vrfy = Vrfy::users;
    EarlyTalk early_talk = EarlyTalk::allow;
    Duration greeting_delay = std::chrono::seconds(2);
    Duration command_timeout = std::chrono::minutes(5);
    Duration data_timeout = std::chrono::minutes(3);
    Duration data_grace = std::chrono::minutes(10);
  } smtp;

  struct Lmtp {
    LmtpAuth auth = LmtpAuth::off;
  } lmtp;

  struct Local {
    bool system_users = false;
    std::int64_t uid_min = 1000;
    std::int64_t uid_max = 59'999;
    std::vector<std::string> excluded;
    std::string spool_group = "mail";
    Duration password_cache = std::chrono::minutes(1);
    std::vector<std::string> aliases = {"/etc/aliases"};
    std::vector<std::string> domains = {"localhost"};
  } local;

  struct Forwarding {
    bool srs = true;
    std::string domain;
  } forwarding;

  struct Imap {
    std::int64_t append_size_max = 50LL << 20;
    std::int64_t message_limit = 0;
    Duration idle_timeout = std::chrono::minutes(30);
    std::string public_account;
  } imap;

  struct Pop3 {
    Duration idle_timeout = std::chrono::minutes(10);
  } pop3;

  struct Dns {
    std::vector<std::string> servers;
    Dnssec dnssec = Dnssec::automatic;
    std::string trust_anchor;
    std::vector<std::string> unsigned_domains;
    Duration timeout = std::chrono::seconds(15);
  } dns;
  struct Queue {
    Duration retry_first = std::chrono::minutes(5);
    Duration retry_longest = std::chrono::hours(2);
    Duration lifetime = std::chrono::hours(120);
    Duration notice_after = std::chrono::hours(4);
  } queue;
  struct Trace {
    Duration keep = std::chrono::hours(24 * 30);
    std::int64_t size_max = 1LL << 30;
  } trace;
  struct Outbound {
    std::int64_t port = 25;
    std::int64_t sessions_max = 200;
    std::int64_t per_destination_max = 20;
  } outbound;
  std::vector<TransportRule> transports;  ///< [transport]; their order says nothing
  std::vector<TransportRule> deliveries;  ///< [delivery], the same: route/delivery_map.h has the grammar
  std::vector<TransportRule> locations;   ///< [location], the same: route/location.h has the grammar
  std::vector<RelayLogin> relay_logins;   ///< for login=… of [transport]
  std::vector<OdmrCustomer> odmr;         ///< no domain twice
  std::vector<Directory> directories;     ///< asked in this order
  std::vector<TokenIssuer> token_issuers;
  struct Kerberos {
    std::string keytab;
    std::vector<std::string> hosts;
  } kerberos;
  std::vector<KerberosRealm> kerberos_realms;  ///< none twice

  struct Limits {
    std::int64_t connections_max = 20000;
    std::int64_t connections_per_address = 0;
    std::int64_t memory_percent = 25;
    Duration handshake_timeout = std::chrono::seconds(30);
    Duration login_timeout = std::chrono::minutes(1);
    Duration send_timeout = std::chrono::minutes(5);
  } limits;

  struct Store {
    std::int64_t reserve = 1LL << 30;
    std::int64_t cache = 64LL << 20;
    std::int64_t sweep_hour = 3;  ///< local time; -1: never by itself
    Duration compress_after{0};   ///< 0: never
    bool encryption = false;      ///< mail that comes is sealed
  } store;

  /// `path` as the program opens it: relative ones start at the configuration's directory.
  [[nodiscard]] std::string resolve(std::string_view path) const;
};

/// Reads and checks DIRECTORY/angarium.toml. The error's text holds every finding, one a line:
/// "angarium.toml:12: unknown key 'hostnam' in [server]; did you mean 'hostname'?".
Result<Configuration> load(const std::string& directory);

/// The same from text, for tests and `config check`; `directory` only resolves paths.
Result<Configuration> parse(std::string_view text, const std::string& directory);

/// What `config show` and `config explain` print of one key.
struct KeyDescription {
  std::string name;  ///< "server.hostname", "listener.protocol", "transport.KEY"
  std::string type;  ///< "text", "number", "size", "duration", "true or false", "one of a, b, c", "list of texts"
  std::string default_value;  ///< as it would stand in the file
  std::string value;          ///< what `configuration` says; empty for those of repeated tables and [transport]
  std::string explanation;
  std::string effect;  ///< when a change takes effect: "on SIGHUP, at once", "after a restart: the store is open"
};

/// Every key there is, in the order of the file.
std::vector<KeyDescription> describe(const Configuration& configuration);

/// The key's description, or an error that names the nearest key.
Result<KeyDescription> explain(const Configuration& configuration, std::string_view name);

/// What becomes of a file that was changed while the server runs.
struct Reload {
  /// A key whose change takes a restart.
  struct Left {
    std::string name;
    std::string reason;
  };
  Configuration applied;             ///< as wanted, but as it was for what is left
  std::vector<std::string> changed;  ///< keys whose change is in `applied`
  std::vector<Left> left;
};
/// `used` is what the server runs with. All keys of a repeated table count as one, "listener" and so on, and all of
/// "transport".
Reload plan_reload(const Configuration& used, const Configuration& wanted);
/// KeyDescription::effect of the key.
std::string effect_of(std::string_view name);

/// What `angarium init` writes.
struct InitialSettings {
  std::string hostname;
  std::string address = "127.0.0.1";  ///< IPv4 or IPv6 without brackets
  unsigned port_offset = 0;
  bool system_users = false;
};
std::string initial_file(const InitialSettings& settings);

}  // namespace angarium::configuration
