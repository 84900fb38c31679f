// Reads the TOML file against the schema. Every finding is collected, so that one run names all mistakes.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "base/text.h"
#include "configuration/configuration.h"
#include "configuration/elsewhere.h"
#include "configuration/mechanisms.h"
#include "configuration/schema.h"
#include "configuration/toml.h"
#include "io/address.h"
#include "io/unbound_resolver.h"
#include "message/domain.h"
#include "route/delivery_map.h"
#include "route/location.h"
#include "route/transport.h"

namespace angarium::configuration {
namespace {

constexpr std::string_view kNoPlace =
    "' is no place for mail (store, mbox:/PATH, maildir:/PATH/, pipe:COMMAND, exec:/PROGRAM): ";
constexpr std::string_view kNoLocation = "' is no location of mail: ";

// Larger files are a mistake (a log or a mailbox in the wrong place), not a configuration.
constexpr std::size_t kFileMax = 1 << 20;

class Reader {
 public:
  explicit Reader(Configuration& configuration) : configuration_(configuration) {}

  void file(const toml::table& root) {
    for (const auto& [name, node] : root) {
      const std::string_view section = name.str();
      if (is_repeated(section)) {
        repeated(section, node);
      } else if (section == kTransportSection && node.is_table()) {
        transports(*node.as_table());
      } else if ((section == kDeliverySection || section == kLocationSection) && node.is_table()) {
        places(section, *node.as_table());
      } else if (is_section(section) || std::ranges::find(kOwnKeySections, section) != std::end(kOwnKeySections)) {
        const toml::table* table = node.as_table();
        if (table == nullptr) {
          found(node, "'" + std::string(section) + "' is a section: write [" + std::string(section) + "]");
        } else {
          plain(section, *table);
        }
      } else {
        found(node, "unknown section [" + std::string(section) + "]" + suggestion(section, section_names()));
      }
    }
    relations();
  }

  [[nodiscard]] const std::string& findings() const { return findings_; }

 private:
  void found(const toml::node& node, const std::string& text) { found_at(node.source().begin.line, text); }
  void found_at(std::size_t line, const std::string& text) {
    if (!findings_.empty()) findings_ += '\n';
    findings_ += "angarium.toml:" + std::to_string(line) + ": " + text;
  }

  static std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::string_view best = nearest(word, candidates);
    return best.empty() ? "" : "; did you mean '" + std::string(best) + "'?";
  }

  static bool is_repeated(std::string_view section) {
    return std::ranges::any_of(repeated_keys(), [&](const RepeatedKey& key) { return key.section == section; });
  }
  static bool is_section(std::string_view section) {
    return std::ranges::any_of(keys(), [&](const Key& key) { return key.section == section; });
  }
  static std::vector<std::string_view> section_names() {
    std::vector<std::string_view> names;
    for (const Key& key : keys()) names.push_back(key.section);
    for (const RepeatedKey& key : repeated_keys()) names.push_back(key.section);
    names.insert(names.end(), std::begin(kOwnKeySections), std::end(kOwnKeySections));
    return names;
  }

  void plain(std::string_view section, const toml::table& table) {
    for (const auto& [name, node] : table) {
      const auto key =
          std::ranges::find_if(keys(), [&](const Key& k) { return k.section == section && k.name == name.str(); });
      if (key != keys().end()) {
        lines_[full_name(*key)] = node.source().begin.line;
        std::visit([&, &n = node](const auto& field) { set(*key, field, n); }, key->field);
        continue;
      }
      std::vector<std::string_view> names;
      for (const Key& k : keys())
        if (k.section == section) names.push_back(k.name);
      found(node, "unknown key '" + std::string(name.str()) + "' in [" + std::string(section) + "]" +
                      suggestion(name.str(), names));
    }
  }

  static std::string full_name(const Key& key) { return std::string(key.section) + "." + std::string(key.name); }

  void set(const Key& key, TextField field, const toml::node& node) {
    const auto text = node.value_exact<std::string>();
    if (!text) return found(node, full_name(key) + " is a text: write it in quotes");
    field(configuration_) = *text;
  }

  void set(const Key& key, ListField field, const toml::node& node) {
    const toml::array* array = node.as_array();
    std::vector<std::string> texts;
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i)
      if (auto text = (*array)[i].value_exact<std::string>()) texts.push_back(*text);
    if (array == nullptr || texts.size() != array->size())
      return found(node, full_name(key) + " is a list of texts: [\"one\", \"two\"]");
    field(configuration_) = std::move(texts);
  }

  void set(const Key& key, DurationField field, const toml::node& node) {
    auto text = node.value_exact<std::string>();
    if (!text || !parse_duration(*text, field(configuration_)))
      found(node, full_name(key) + " is a duration: \"30s\", \"5m\", \"2h\"");
  }

  void set(const Key& key, SwitchField field, const toml::node& node) {
    if (auto value = node.value_exact<bool>()) {
      field(configuration_) = *value;
    } else {
      found(node, full_name(key) + " is true or false, without quotes");
    }
  }

  void set(const Key& key, const NumberField& field, const toml::node& node) {
    auto number = node.value_exact<std::int64_t>();
    if (number && *number >= field.low && *number <= field.high) {
      field.get(configuration_) = *number;
    } else {
      found(node,
            full_name(key) + " is a number from " + std::to_string(field.low) + " to " + std::to_string(field.high));
    }
  }

  void set(const Key& key, const SizeField& field, const toml::node& node) {
    std::int64_t octets = 0;
    auto text = node.value_exact<std::string>();
    auto number = node.value_exact<std::int64_t>();
    const bool known = text ? parse_size(*text, octets) : number.has_value();
    if (number) octets = *number;
    if (known && octets >= field.low && octets <= field.high) {
      field.get(configuration_) = octets;
    } else {
      found(node, full_name(key) + " is a size from " + format_size(field.low) + " to " + format_size(field.high) +
                      ", for instance \"50 MiB\"");
    }
  }

  void set(const Key& key, const ChoiceField& field, const toml::node& node) {
    auto text = node.value_exact<std::string>();
    const auto word = std::ranges::find(field.words, text.value_or(""));
    if (word != field.words.end()) {
      field.set(configuration_, static_cast<std::size_t>(word - field.words.begin()));
      return;
    }
    std::string words;
    for (std::string_view w : field.words) words += (words.empty() ? "\"" : ", \"") + std::string(w) + "\"";
    found(node, full_name(key) + " is one of " + words);
  }

  void repeated(std::string_view section, const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_homogeneous<toml::table>()) {
      found(node, "write [[" + std::string(section) + "]], once for each");
      return;
    }
    for (const toml::node& element : *array) {
      if (section == "listener") {
        listener(*element.as_table());
      } else if (section == "relay_login") {
        relay_login(*element.as_table());
      } else if (section == "odmr") {
        odmr(*element.as_table());
      } else if (section == "directory" || section == "token_issuer" || section == "kerberos_realm") {
        only_known(section, *element.as_table());
        if (section == "directory")
          configuration_.directories.push_back(read_directory(*element.as_table(), finder()));
        else if (section == "token_issuer")
          configuration_.token_issuers.push_back(read_token_issuer(*element.as_table(), finder()));
        else
          read_kerberos_realm(*element.as_table(), configuration_.kerberos_realms, finder());
      } else {
        certificate(*element.as_table());
      }
    }
  }

  /// The text of `name`, which must be there.
  std::string required(std::string_view section, const toml::table& table, std::string_view name) {
    const toml::node* node = table.get(name);
    const auto text = node != nullptr ? node->value_exact<std::string>() : std::nullopt;
    if (!text || text->empty()) {
      found(node != nullptr ? *node : static_cast<const toml::node&>(table),
            "[[" + std::string(section) + "]] needs " + std::string(name) + " = \"…\"");
    }
    return text.value_or("");
  }

  void only_known(std::string_view section, const toml::table& table) {
    std::vector<std::string_view> names;
    for (const RepeatedKey& key : repeated_keys())
      if (key.section == section) names.push_back(key.name);
    for (const auto& [name, node] : table)
      if (std::ranges::find(names, name.str()) == names.end())
        found(node, "unknown key '" + std::string(name.str()) + "' in [[" + std::string(section) + "]]" +
                        suggestion(name.str(), names));
  }

  void listener(const toml::table& table) {
    only_known("listener", table);
    Listener listener{required("listener", table, "protocol"), required("listener", table, "address")};
    const auto protocols = listener_protocols();
    if (!listener.protocol.empty() && std::ranges::find(protocols, listener.protocol) == protocols.end()) {
      found(*table.get("protocol"),
            "unknown protocol '" + listener.protocol + "'" +
                suggestion(listener.protocol, std::vector<std::string_view>(protocols.begin(), protocols.end())));
    }
    const std::string_view address = listener.address;
    // RFC 2033 §5: LMTP is not to be spoken on the port of SMTP.
    if (listener.protocol == "lmtp" && address.ends_with(":25"))
      found(*table.get("address"), "LMTP may not be served on port 25 (RFC 2033 section 5)");
    if (!address.empty() && !plausible(address)) {
      found(*table.get("address"),
            "'" + listener.address + "' is no address: \"127.0.0.1:25\", \"[::1]:25\" or \"unix:run/lmtp.sock\"");
    } else if (!address.empty()) {
      const auto [at, fresh] = lines_.try_emplace(listener.address, table.get("address")->source().begin.line);
      if (!fresh)
        found(*table.get("address"), "two listeners have the address " + listener.address +
                                         ": the first stands in line " + std::to_string(at->second));
    }
    lines_.try_emplace(listener.protocol, table.source().begin.line);
    configuration_.listeners.push_back(std::move(listener));
  }

  /// An address and port, or the path of a socket. Whether the host has the address is seen when it is bound.
  static bool plausible(std::string_view address) {
    if (address.starts_with("unix:")) return address.size() > 5;
    const auto endpoint = io::Endpoint::parse(address);
    return endpoint && endpoint->is_ip() && endpoint->port() != 0;
  }

  void certificate(const toml::table& table) {
    only_known("certificate", table);
    configuration_.certificates.push_back(
        {required("certificate", table, "certificate"), required("certificate", table, "key")});
  }

  /// For readers of one table.
  Found finder() {
    return [this](const toml::node& at, const std::string& text) { found(at, text); };
  }

  void relay_login(const toml::table& table) {
    only_known("relay_login", table);
    RelayLogin login = read_relay_login(table, finder());
    if (!login.name.empty()) {
      const auto [at, fresh] = login_lines_.try_emplace(login.name, table.source().begin.line);
      if (!fresh)
        found(table, "two [[relay_login]] have the name '" + escape_controls(login.name) +
                         "': the first stands in line " + std::to_string(at->second));
    }
    configuration_.relay_logins.push_back(std::move(login));
  }

  void odmr(const toml::table& table) {
    only_known("odmr", table);
    OdmrCustomer customer{.account = required("odmr", table, "account"), .domains = {}};
    const std::size_t at = std::min(customer.account.rfind('@'), customer.account.size());
    if (!customer.account.empty() && (at == 0 || !message::valid_domain(customer.account.substr(at).erase(0, 1))))
      found(*table.get("account"),
            "'" + escape_controls(customer.account) + "' is no address of an account: \"customer@example.org\"");
    const toml::array* const domains = table.get_as<toml::array>("domains");
    if (domains == nullptr || domains->empty())
      return found(table, "[[odmr]] needs domains = [\"…\"], those whose mail the account fetches");
    for (const toml::node& node : *domains) {
      const std::string domain = node.value_exact<std::string>().value_or("");
      const auto [first, fresh] = odmr_lines_.try_emplace(message::domain_key(domain), node.source().begin.line);
      if (!message::valid_domain(domain, message::Utf8::accept) || domain.find('.') == std::string::npos)
        found(node, "odmr.domains: '" + escape_controls(domain) + "' is no domain");
      else if (!fresh)
        found(node, "[[odmr]] has the domain '" + domain + "' twice: first in line " + std::to_string(first->second));
      customer.domains.push_back(domain);
    }
    configuration_.odmr.push_back(std::move(customer));
  }

  /// [transport]: keys of the operator's own, and what each leads to.
  void transports(const toml::table& table) {
    if (table.size() > route::kRulesMax)
      found(table, "[transport] has more than " + std::to_string(route::kRulesMax) + " lines");
    std::map<std::string, std::size_t> forms;  // and their lines
    for (const auto& [name, node] : table) {
      const std::string key(name.str());
      const auto text = node.value_exact<std::string>();
      if (!text) {
        found(node, "a line of [transport] is \"KEY\" = \"TRANSPORT\", both in quotes");
        continue;
      }
      const auto transport = route::parse_transport(*text);
      if (!transport) transport_found(node, *text, transport.error());
      const auto* const relay = transport ? std::get_if<route::Relay>(&*transport) : nullptr;
      if (relay != nullptr && !relay->login.empty())
        used_logins_.push_back({relay->login, relay->tls == route::Tls::none, node.source().begin.line});
      const auto form = route::rule_key(key);
      if (!form) {
        found(node, form.error().text());
        continue;
      }
      note_form(forms, *form, node, "[transport]");
      transport_lines_.try_emplace(*form, node.source().begin.line);
      configuration_.transports.push_back({key, *text});
    }
  }
  void note_form(std::map<std::string, std::size_t>& forms, const std::string& form, const toml::node& node,
                 std::string_view section) {
    const auto [first, fresh] = forms.try_emplace(form, node.source().begin.line);
    if (!fresh)
      found(node, std::string(section) + " has '" + escape_controls(form) + "' twice: the first stands in line " +
                      std::to_string(first->second));
  }
  /// [delivery] and [location]: likewise.
  void places(std::string_view section, const toml::table& table) {
    const std::string name_of_it = "[" + std::string(section) + "]";
    auto& rules = section == kDeliverySection ? configuration_.deliveries : configuration_.locations;
    std::map<std::string, std::size_t> forms;  // and their lines
    for (const auto& [name, node] : table) {
      const std::string key(name.str());
      const auto text = node.value_exact<std::string>();
      if (!text) {
        found(node, "a line of " + name_of_it + " is \"KEY\" = \"PLACE\", both in quotes");
        continue;
      }
      const bool delivery = section == kDeliverySection;
      if (const auto place = delivery ? route::check_place(*text) : route::check_location(*text); !place)
        found(node,
              "'" + escape_controls(*text) + std::string(delivery ? kNoPlace : kNoLocation) + place.error().text());
      const auto form = route::delivery_key(key);
      if (!form) {
        found(node, form.error().text());
        continue;
      }
      note_form(forms, *form, node, name_of_it);
      rules.push_back({key, *text});
    }
  }
  void transport_found(const toml::node& node, std::string_view text, const Error& error) {
    const std::string_view word = trim(text).substr(0, trim(text).find(' '));
    const std::vector<std::string_view> words(route::transport_words().begin(), route::transport_words().end());
    const bool known = std::ranges::find(words, word) != words.end();
    found(node, error.text() + (known ? "" : suggestion(word, words)));
  }

  /// What no single key can say.
  void relations() {
    for (const auto& [line, text] : check_logins(used_logins_, configuration_.relay_logins)) found_at(line, text);
    if (!odmr_lines_.empty() && odmr_lines_.size() + transport_lines_.size() > route::kRulesMax)
      found_at(odmr_lines_.begin()->second, "[[odmr]] and [transport] have too many domains");
    for (const auto& [domain, line] : odmr_lines_)
      if (transport_lines_.contains(domain))
        found_at(line,
                 "the mail of '" + domain + "' is fetched ([[odmr]]), and has a line in [transport]: take out one");
    if (!message::valid_domain(configuration_.server.hostname))
      found_at(line_of("server.hostname"), "server.hostname is the name of a host: \"mail.example.org\"");
    mechanisms();
    dns();
    if (configuration_.tls.certificate.empty() != configuration_.tls.key.empty())
      found_at(line_of(configuration_.tls.key.empty() ? "tls.certificate" : "tls.key"),
               "tls.certificate and tls.key belong together: set both or neither");
    for (const Listener& listener : configuration_.listeners)
      if (configuration_.tls.certificate.empty() &&
          (listener.protocol == "submissions" || listener.protocol == "pop3s" || listener.protocol == "imaps"))
        found_at(line_of(listener.protocol),
                 "a listener for " + listener.protocol + " needs tls.certificate and tls.key");
    const auto no_time = [&](Duration duration, const std::string& key) {
      if (duration < std::chrono::seconds(1)) found_at(line_of(key), key + " is at least 1s");
    };
    no_time(configuration_.smtp.command_timeout, "smtp.command_timeout");
    no_time(configuration_.smtp.data_timeout, "smtp.data_timeout");
    no_time(configuration_.smtp.data_grace, "smtp.data_grace");
    no_time(configuration_.queue.retry_first, "queue.retry_first");
    no_time(configuration_.queue.lifetime, "queue.lifetime");
    no_time(configuration_.queue.notice_after, "queue.notice_after");
    if (configuration_.trace.keep < std::chrono::hours(1)) found_at(line_of("trace.keep"), "trace.keep is at least 1h");
    if (configuration_.queue.retry_longest < configuration_.queue.retry_first)
      found_at(line_of("queue.retry_longest"), "queue.retry_longest is at least queue.retry_first");
    for (const std::string& domain : configuration_.smtp.relay_domains)
      if (!message::valid_domain(std::string_view(domain).substr(domain.starts_with('.') ? 1 : 0),
                                 message::Utf8::accept))
        found_at(line_of("smtp.relay_domains"), "smtp.relay_domains: '" + escape_controls(domain) + "' is no domain");
    if (configuration_.local.uid_max < configuration_.local.uid_min)
      found_at(line_of("local.uid_max"), "local.uid_max is at least local.uid_min");
    networks(configuration_.smtp.relay_networks, "smtp.relay_networks");
    networks(configuration_.smtp.etrn_networks, "smtp.etrn_networks");
    for (const std::string& domain : configuration_.local.domains)
      if (!message::valid_domain(domain, message::Utf8::accept))
        found_at(line_of("local.domains"), "local.domains: '" + escape_controls(domain) + "' is no domain");
    if (const std::string& domain = configuration_.forwarding.domain;
        !domain.empty() && !message::valid_domain(domain, message::Utf8::accept))
      found_at(line_of("forwarding.domain"), "forwarding.domain: '" + escape_controls(domain) + "' is no domain");
    no_time(configuration_.limits.handshake_timeout, "limits.handshake_timeout");
    no_time(configuration_.limits.login_timeout, "limits.login_timeout");
    no_time(configuration_.limits.send_timeout, "limits.send_timeout");
    if (configuration_.imap.idle_timeout < std::chrono::minutes(30))
      found_at(line_of("imap.idle_timeout"), "imap.idle_timeout is at least 30m (RFC 9051 section 5.4)");
    if (configuration_.pop3.idle_timeout < std::chrono::minutes(10))
      found_at(line_of("pop3.idle_timeout"), "pop3.idle_timeout is at least 10m (RFC 1939 section 3)");
  }

  void networks(const std::vector<std::string>& all, const std::string& key) {
    for (const std::string& network : all)
      if (!io::Prefix::parse(network))
        found_at(line_of(key), key + ": '" + escape_controls(network) + "' is no network like \"192.0.2.0/24\"");
  }

  void dns() {
    const auto& dns = configuration_.dns;
    for (const std::string& server : dns.servers)
      if (const auto endpoint = io::parse_dns_server(server); !endpoint)
        found_at(line_of("dns.servers"), "dns.servers: " + endpoint.error().text());
    for (const std::string& domain : dns.unsigned_domains)
      if (!io::check_name(domain))
        found_at(line_of("dns.unsigned_domains"),
                 "dns.unsigned_domains: '" + escape_controls(domain) + "' is no domain");
    if (dns.timeout < std::chrono::seconds(1) || dns.timeout > std::chrono::minutes(1))
      found_at(line_of("dns.timeout"), "dns.timeout is from 1s to 1m");
  }

  void mechanisms() {
    for (const MechanismFinding& finding : mechanism_findings(configuration_))
      found_at(line_of(std::string(finding.key)),
               finding.text + (finding.unknown.empty() ? "" : suggestion(finding.unknown, mechanism_names())));
  }

  [[nodiscard]] std::size_t line_of(const std::string& name) const {
    const auto at = lines_.find(name);
    return at == lines_.end() ? 1 : at->second;
  }

  Configuration& configuration_;
  std::string findings_;
  std::map<std::string, std::size_t> login_lines_;      // where each [[relay_login]] stands
  std::vector<UsedLogin> used_logins_;                  // and where [transport] names one
  std::map<std::string, std::size_t> odmr_lines_;       // where each domain of [[odmr]] stands,
  std::map<std::string, std::size_t> transport_lines_;  // and each key of [transport], in the form that compares
  std::map<std::string, std::size_t> lines_;  // where a key, a listener's address or its protocol first stands
};

}  // namespace

std::string Configuration::resolve(std::string_view path) const {
  if (path.empty() || path.front() == '/') return std::string(path);
  return directory + "/" + std::string(path);
}

Result<Configuration> parse(std::string_view text, const std::string& directory) {
  if (!valid_utf8(text)) return fail(kInvalid, "angarium.toml:1: the file is not UTF-8 text");
  Configuration configuration;
  configuration.directory = directory;
  Reader reader(configuration);
  try {
    reader.file(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return fail(kInvalid,
                "angarium.toml:" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
  if (!reader.findings().empty()) return fail(kInvalid, reader.findings());
  return configuration;
}

Result<Configuration> load(const std::string& directory) {
  const std::string path = directory + "/angarium.toml";
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(kUnreadable,
                "cannot read " + path + "; make one with: angarium init --dir " + directory + " --domain DOMAIN");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() > kFileMax) return fail(kInvalid, path + " is larger than 1 MiB: that is no configuration");
  return parse(text, directory);
}

}  // namespace angarium::configuration
