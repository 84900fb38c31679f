#include "configuration/elsewhere.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "configuration/schema.h"
#include "directory/person/template.h"
#include "directory/sql/source.h"
#include "directory/sql/statement.h"
#include "io/address.h"
#include "message/domain.h"
#include "sasl/scram.h"

namespace angarium::configuration {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"ldap", "postgresql", "sqlite"};  // as DirectoryKind
/// As many threads as one directory gets (agent/directories.h).
constexpr std::int64_t kConnectionsMax = 8;
constexpr Duration kTimeoutMin = std::chrono::milliseconds(100);
constexpr Duration kTimeoutMax = std::chrono::minutes(1);
/// Clocks that are further off than this are wrong, and a token's end would mean little.
constexpr Duration kLeewayMax = std::chrono::minutes(10);

/// Takes the values out of one table.
class Table {
 public:
  Table(std::string_view section, const toml::table& table, const Found& found)
      : section_(section), table_(table), found_(found) {}

  [[nodiscard]] bool has(std::string_view name) const { return table_.contains(name); }
  void wrong(std::string_view name, const std::string& text) const {
    const toml::node* const node = table_.get(name);
    found_(node == nullptr ? static_cast<const toml::node&>(table_) : *node, text);
  }
  void text(std::string_view name, std::string& value) const {
    const toml::node* const node = table_.get(name);
    if (node == nullptr) return;
    const auto text = node->value_exact<std::string>();
    if (!text || text->empty() || text->find('\0') != std::string::npos)
      return wrong(name, full(name) + " is a text: write it in quotes, or leave it out");
    value = *text;
  }
  void required(std::string_view name, std::string& value) const {
    if (!has(name)) return wrong(name, "[[" + std::string(section_) + "]] needs " + std::string(name) + " = \"…\"");
    text(name, value);
  }
  void texts(std::string_view name, std::vector<std::string>& values) const {
    const toml::array* const array = table_.get_as<toml::array>(name);
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i)
      if (auto text = (*array)[i].value_exact<std::string>(); text && !text->empty()) values.push_back(*text);
    if (array == nullptr || array->empty() || values.size() != array->size())
      wrong(name, "[[" + std::string(section_) + "]] needs " + std::string(name) + " = [\"…\"], a list of texts");
  }
  void domains(std::vector<std::string>& values) const {
    texts("domains", values);
    for (const std::string& domain : values)
      if (!message::valid_domain(domain, message::Utf8::accept))
        wrong("domains", full("domains") + ": '" + escape_controls(domain) + "' is no domain");
  }
  void flag(std::string_view name, bool& value) const {
    const toml::node* const node = table_.get(name);
    if (node == nullptr) return;
    if (const auto given = node->value_exact<bool>())
      value = *given;
    else
      wrong(name, full(name) + " is true or false, without quotes");
  }
  void duration(std::string_view name, Duration& value, Duration low, Duration high) const {
    const toml::node* const node = table_.get(name);
    if (node == nullptr) return;
    const auto text = node->value_exact<std::string>();
    Duration given{};
    if (!text || !parse_duration(*text, given) || given < low || given > high)
      return wrong(name, full(name) + " is a duration from " + format_duration(low) + " to " + format_duration(high));
    value = given;
  }
  void number(std::string_view name, std::int64_t& value, std::int64_t low, std::int64_t high) const {
    const toml::node* const node = table_.get(name);
    if (node == nullptr) return;
    const auto given = node->value_exact<std::int64_t>();
    if (!given || *given < low || *given > high)
      return wrong(name, full(name) + " is a number from " + std::to_string(low) + " to " + std::to_string(high));
    value = *given;
  }
  /// Keys that say nothing for this kind would be believed to.
  void only_for(std::string_view kinds, std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names)
      if (has(name)) wrong(name, full(name) + " is for " + std::string(kinds));
  }
  [[nodiscard]] std::string full(std::string_view name) const {
    return std::string(section_) + "." + std::string(name);
  }

 private:
  std::string_view section_;
  const toml::table& table_;
  const Found& found_;
};

/// Where a password as it is goes to nobody but this host.
bool stays_here(std::string_view url) {
  if (url.starts_with("ldaps://") || url.starts_with("ldapi://")) return true;
  std::string_view host = url.substr(std::string_view("ldap://").size());
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) return host.substr(0, host.find(']')) == "[::1";
  host = host.substr(0, host.find(':'));
  const auto address = io::IpAddress::parse(host);
  return host == "localhost" || (address && address->is_loopback());
}

bool balanced(std::string_view filter) {
  std::int64_t open = 0;
  for (const char c : filter) {
    open += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (open < 0) return false;
  }
  return open == 0 && filter.starts_with('(') && filter.ends_with(')');
}

void ldap(const Table& table, Directory& directory) {
  table.only_for("kinds postgresql and sqlite", {"connection", "file", "query", "plain_passwords", "scram_iterations"});
  table.required("url", directory.url);
  table.flag("start_tls", directory.start_tls);
  std::string_view urls = directory.url;
  while (!urls.empty()) {
    const std::string_view url = take_until(urls, ' ');
    if (!url.starts_with("ldaps://") && !url.starts_with("ldap://") && !url.starts_with("ldapi://")) {
      table.wrong("url", "directory.url: '" + escape_controls(url) + "' is no \"ldaps://HOST\" or \"ldap://HOST\"");
    } else if (directory.start_tls && !url.starts_with("ldap://")) {
      table.wrong("url", "directory.url: start_tls is for \"ldap://HOST\"");
    } else if (!directory.start_tls && !stays_here(url)) {
      table.wrong("url",
                  "directory.url: passwords would cross the network as they are: write ldaps:// or start_tls = "
                  "true");
    }
  }
  table.text("bind_dn", directory.bind_dn);
  if (directory.bind_dn.empty() != !table.has("password_file"))
    table.wrong("bind_dn", "directory.bind_dn and directory.password_file belong together: set both or neither");
  table.required("base", directory.base);
  table.required("filter", directory.filter);
  if (!directory.filter.empty()) {
    if (const auto filter = directory::parse_template(directory.filter); !filter)
      table.wrong("filter", "directory.filter: " + filter.error().text());
    else if (!balanced(directory.filter))
      table.wrong("filter", "directory.filter is \"(mail={address})\" or the like, each bracket closed");
  }
  table.text("address_attribute", directory.address_attribute);
  table.text("name_attribute", directory.name_attribute);
  table.text("quota_attribute", directory.quota_attribute);
}

void sql(const Table& table, Directory& directory) {
  table.only_for("kind ldap", {"url", "start_tls", "bind_dn", "base", "filter", "address_attribute", "name_attribute",
                               "quota_attribute"});
  table.required("query", directory.query);
  if (!directory.query.empty())
    if (const auto statement = directory::parse_statement(directory.query); !statement)
      table.wrong("query", "directory.query: " + statement.error().text());
  table.flag("plain_passwords", directory.plain_passwords);
  table.number("scram_iterations", directory.scram_iterations, sasl::kStoredIterationsMin, sasl::kStoredIterationsMax);
  if (directory.kind == DirectoryKind::sqlite) {
    table.only_for("kind postgresql", {"connection"});
    table.only_for("kinds ldap and postgresql", {"password_file", "ca_file"});
    table.required("file", directory.file);
    return;
  }
  table.only_for("kind sqlite", {"file"});
  table.required("connection", directory.connection);
  if (!directory.connection.empty())
    if (const auto connection = directory::check_connection(directory.connection); !connection)
      table.wrong("connection", "directory.connection: " + connection.error().text());
}

}  // namespace

Directory read_directory(const toml::table& from, const Found& found) {
  const Table table("directory", from, found);
  Directory directory;
  table.required("name", directory.name);
  table.domains(directory.domains);
  table.duration("timeout", directory.timeout, kTimeoutMin, kTimeoutMax);
  table.number("connections", directory.connections, 1, kConnectionsMax);
  table.text("password_file", directory.password_file);
  table.text("ca_file", directory.ca_file);
  std::string kind;
  table.required("kind", kind);
  if (kind.empty()) return directory;
  const auto at = std::ranges::find(kKinds, kind);
  if (at == kKinds.end()) {
    const std::string_view best = nearest(kind, kKinds);
    table.wrong("kind", "directory.kind is ldap, postgresql or sqlite" +
                            (best.empty() ? "" : "; did you mean '" + std::string(best) + "'?"));
    return directory;
  }
  directory.kind = static_cast<DirectoryKind>(at - kKinds.begin());
  if (directory.kind == DirectoryKind::ldap)
    ldap(table, directory);
  else
    sql(table, directory);
  return directory;
}

TokenIssuer read_token_issuer(const toml::table& from, const Found& found) {
  const Table table("token_issuer", from, found);
  TokenIssuer issuer;
  table.required("issuer", issuer.issuer);
  table.texts("audience", issuer.audience);
  table.domains(issuer.domains);
  table.text("keys_file", issuer.keys_file);
  table.text("keys_url", issuer.keys_url);
  if (table.has("keys_file") == table.has("keys_url"))
    table.wrong("keys_url", "[[token_issuer]] needs keys_file = \"…\" or keys_url = \"https://…\", one of them");
  if (!issuer.keys_url.empty() && !issuer.keys_url.starts_with("https://"))
    table.wrong("keys_url", "token_issuer.keys_url begins with https://: whoever can change the keys can log in");
  if (table.has("keys_file")) table.only_for("keys_url", {"ca_file"});
  table.text("ca_file", issuer.ca_file);
  table.text("address_claim", issuer.address_claim);
  table.duration("leeway", issuer.leeway, Duration(0), kLeewayMax);
  return issuer;
}

RelayLogin read_relay_login(const toml::table& from, const Found& found) {
  const Table table("relay_login", from, found);
  RelayLogin login;
  table.required("name", login.name);
  table.required("user", login.user);
  table.text("password_file", login.password_file);
  table.text("token_file", login.token_file);
  table.text("tickets", login.tickets);
  if (table.has("password_file") + table.has("token_file") + table.has("tickets") != 1)
    table.wrong("name",
                "[[relay_login]] needs password_file = \"…\", token_file = \"…\" or tickets = \"…\", one of them");
  if (const toml::node* const weak = from.get("weak_mechanisms")) {
    const auto allowed = weak->value_exact<bool>();
    if (!allowed) table.wrong("weak_mechanisms", "relay_login.weak_mechanisms is true or false");
    login.weak_mechanisms = allowed.value_or(false);
  }
  std::string layer;
  table.text("layer", layer);
  if (layer == "integrity") login.layer = sasl::Protection::integrity;
  if (layer == "confidentiality") login.layer = sasl::Protection::confidentiality;
  if (table.has("layer") && login.layer == sasl::Protection::none)
    table.wrong("layer", "relay_login.layer is \"integrity\" or \"confidentiality\"");
  if (table.has("layer") && login.tickets.empty() && (login.password_file.empty() || !login.weak_mechanisms))
    table.wrong("layer",
                "relay_login.layer is for tickets, or for a password with weak_mechanisms = true (DIGEST-MD5): nothing "
                "else has security layers");
  return login;
}

std::map<std::size_t, std::string> check_logins(const std::vector<UsedLogin>& used,
                                                const std::vector<RelayLogin>& logins) {
  std::map<std::size_t, std::string> wrong;
  std::vector<std::string_view> names;
  for (const RelayLogin& login : logins) names.push_back(login.name);
  std::ranges::sort(names);
  std::set<std::pair<std::string_view, bool>> told;
  for (const auto& [name, plain, line] : used) {
    const auto login = std::ranges::find(logins, name, &RelayLogin::name);
    const bool there = login != logins.end();
    if (there && !(plain && login->layer == sasl::Protection::none)) continue;
    if (!told.emplace(name, there).second) continue;
    const std::string_view best = nearest(name, names);
    wrong.emplace(line, there ? "with tls=none a login needs a security layer: layer = \"confidentiality\" in "
                                "[[relay_login]] '" +
                                    name + "', or tls=verified here"
                              : "there is no [[relay_login]] with name = \"" + name + "\"" +
                                    (best.empty() ? std::string() : "; did you mean '" + std::string(best) + "'?"));
  }
  return wrong;
}

void read_kerberos_realm(const toml::table& from, std::vector<KerberosRealm>& realms, const Found& found) {
  const Table table("kerberos_realm", from, found);
  KerberosRealm realm;
  table.required("realm", realm.realm);
  table.required("domain", realm.domain);
  if (!realm.domain.empty() && !message::valid_domain(realm.domain, message::Utf8::accept))
    table.wrong("domain", "kerberos_realm.domain: '" + escape_controls(realm.domain) + "' is no domain");
  if (std::ranges::find(realms, realm.realm, &KerberosRealm::realm) != realms.end())
    table.wrong("realm", "[[kerberos_realm]] has the realm '" + escape_controls(realm.realm) + "' twice");
  realms.push_back(std::move(realm));
}

}  // namespace angarium::configuration
