// Reads and writes the file of a user's mail accounts. Every mistake is collected, so that one run names all.
#include "configuration/mail_accounts.h"

#include <algorithm>
#include <array>
#include <variant>

#include "base/text.h"
#include "configuration/configuration.h"
#include "configuration/mail_url.h"
#include "configuration/schema.h"
#include "configuration/toml.h"
#include "message/address.h"

namespace angarium::configuration {
namespace {

using Protocol = MailHost::Protocol;
using Tls = MailHost::Tls;

bool is(const MailScheme& scheme, Protocol protocol) {
  switch (scheme.protocol) {
    case MailScheme::Protocol::imap: return protocol == Protocol::imap;
    case MailScheme::Protocol::pop3: return protocol == Protocol::pop3;
    case MailScheme::Protocol::smtp: return protocol == Protocol::smtp;
    case MailScheme::Protocol::odmr: return false;
  }
  return false;
}

Tls tls_of(const MailScheme& scheme) {
  switch (scheme.tls) {
    case MailScheme::Tls::implicit: return Tls::implicit;
    case MailScheme::Tls::starttls: return Tls::starttls;
    case MailScheme::Tls::none: return Tls::none;
  }
  return Tls::automatic;
}

/// The one that is written for this.
const MailScheme* scheme_of(Protocol protocol, Tls tls) {
  for (const MailScheme& scheme : mail_schemes())
    if (is(scheme, protocol) && tls_of(scheme) == tls) return &scheme;
  return nullptr;
}

/// How a well-known port is spoken to.
Tls tls_at(Protocol protocol, std::uint16_t port) {
  // Between servers (RFC 5321 §4.5.4.2), and at some hosts for users, too.
  if (protocol == Protocol::smtp && port == 25) return Tls::starttls;
  for (const MailScheme& scheme : mail_schemes())
    if (is(scheme, protocol) && scheme.port == port) return tls_of(scheme);
  return Tls::automatic;
}

std::string_view example_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::imap: return "imaps://imap.example.org, imap://imap.example.org (STARTTLS) or imap.example.org";
    case Protocol::pop3: return "pop3s://pop.example.org, pop3://pop.example.org (STARTTLS) or pop.example.org";
    case Protocol::smtp:
      return "submissions://smtp.example.org, submission://smtp.example.org (STARTTLS) or smtp.example.org";
  }
  return "";
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 && std::ranges::none_of(host, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '@' || c == '"' || c == '\\' || c == '\x7f';
  });
}

}  // namespace

std::uint16_t standard_port(Protocol protocol, Tls tls) {
  const MailScheme* const scheme = scheme_of(protocol, tls == Tls::automatic ? Tls::implicit : tls);
  return scheme == nullptr ? 0 : scheme->port;
}

Result<MailHost> parse_mail_host(Protocol protocol, std::string_view text) {
  const auto wrong = [whole = text, protocol](std::string_view why) {
    return fail(kInvalid, "'" + escape_controls(whole, 200) + "' " + std::string(why) + "; write " +
                              std::string(example_of(protocol)));
  };
  MailHost host{.protocol = protocol, .tls = Tls::automatic, .host = {}, .port = 0};
  if (const auto colon = text.find("://"); colon != std::string_view::npos) {
    const MailScheme* const scheme = find_mail_scheme(text.substr(0, colon));
    if (scheme == nullptr || !is(*scheme, protocol)) return wrong("names no way to speak to this server");
    host.tls = tls_of(*scheme);
    text.remove_prefix(colon + 3);
  }
  auto place = parse_host_and_port(text);
  if (!place) return wrong("has a port that is none");
  if (!is_host(place->host)) return wrong("names no host");
  host.host = std::move(place->host);
  host.port = place->port;
  if (host.port == 0) return host;
  if (host.tls == Tls::automatic) host.tls = tls_at(protocol, host.port);
  if (host.tls != Tls::automatic && host.port == standard_port(protocol, host.tls)) host.port = 0;
  return host;
}

std::string mail_host_text(const MailHost& host) {
  std::string text;
  if (const MailScheme* const scheme = scheme_of(host.protocol, host.tls)) text = std::string(scheme->name) + "://";
  text += host.host.contains(':') ? "[" + host.host + "]" : host.host;
  if (host.port != 0 && host.port != standard_port(host.protocol, host.tls)) text += ":" + std::to_string(host.port);
  return text;
}

Result<std::string> parse_key(std::string_view text) {
  if (starts_with_ignore_case(text, "sha256:")) text.remove_prefix(7);
  std::string digits;
  for (const char c : text)
    if (c != ':') digits += to_lower(c);
  const auto octets = from_hex(digits);
  if (!octets || octets->size() != 32) return fail(kInvalid, "a key is sha256: and 64 hexadecimal digits");
  return digits;
}

namespace {

using Text = std::string MailAccount::*;
using Switch = bool MailAccount::*;
struct AccountKey {
  std::string_view name;
  std::variant<Text, Switch> member;
};
const std::array<AccountKey, 14> kKeys = {{{"name", &MailAccount::name},
                                           {"address", &MailAccount::address},
                                           {"full_name", &MailAccount::full_name},
                                           {"user", &MailAccount::user},
                                           {"smtp_user", &MailAccount::smtp_user},
                                           {"smtp_login", &MailAccount::smtp_login},
                                           {"password", &MailAccount::password},
                                           {"password_file", &MailAccount::password_file},
                                           {"password_command", &MailAccount::password_command},
                                           {"token_file", &MailAccount::token_file},
                                           {"tickets", &MailAccount::tickets},
                                           {"key", &MailAccount::key},
                                           {"sent", &MailAccount::sent},
                                           {"save_sent", &MailAccount::save_sent}}};
struct HostKey {
  std::string_view name;
  Protocol protocol;
};
constexpr std::array<HostKey, 3> kHostKeys = {
    {{"imap", Protocol::imap}, {"pop3", Protocol::pop3}, {"smtp", Protocol::smtp}}};

class AccountReader {
 public:
  explicit AccountReader(std::string_view file) : file_(file) {}

  void read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      if (name.str() == "account" && node.is_array_of_tables()) {
        accounts(*node.as_array());
      } else if (name.str() == "account") {
        found(node, "an account is a section: write [[account]]");
      } else if (name.str() == "default") {
        if (const auto text = node.value_exact<std::string>())
          all_.preferred = *text;
        else
          found(node, "default is the name of an account: write it in quotes");
        default_line_ = node.source().begin.line;
      } else {
        found(node, "unknown key '" + shown(name.str()) + "'" + suggestion(name.str(), {"account", "default"}));
      }
    }
    const auto chosen = all_.find("");
    if (!all_.preferred.empty() && !chosen) found_at(default_line_, chosen.error().text());
  }

  Result<MailAccounts> result() {
    if (!findings_.empty()) return fail(kInvalid, findings_);
    return std::move(all_);
  }

 private:
  static std::string shown(std::string_view text) { return escape_controls(text, 100); }
  static std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::string_view best = nearest(word, candidates);
    return best.empty() ? "" : "; did you mean '" + std::string(best) + "'?";
  }
  void found(const toml::node& node, const std::string& text) { found_at(node.source().begin.line, text); }
  void found_at(std::size_t line, const std::string& text) {
    if (!findings_.empty()) findings_ += '\n';
    findings_ += std::string(file_) + ":" + std::to_string(line) + ": " + text;
  }

  void accounts(const toml::array& array) {
    for (const toml::node& node : array) {
      if (all_.accounts.size() == kMailAccountsMax)
        return found(node, "more than " + std::to_string(kMailAccountsMax) + " accounts");
      const std::size_t before = findings_.size();
      MailAccount account = one(*node.as_table());
      if (findings_.size() == before) check(node, account);
      all_.accounts.push_back(std::move(account));
    }
  }

  MailAccount one(const toml::table& table) {
    MailAccount account;
    for (const auto& [name, node] : table) {
      const auto* const key = std::ranges::find(kKeys, name.str(), &AccountKey::name);
      const auto* const host = std::ranges::find(kHostKeys, name.str(), &HostKey::name);
      if (host != kHostKeys.end()) {
        take_host(account, *host, node);
      } else if (key == kKeys.end()) {
        std::vector<std::string_view> names;
        for (const AccountKey& one : kKeys) names.push_back(one.name);
        for (const HostKey& one : kHostKeys) names.push_back(one.name);
        found(node, "unknown key '" + shown(name.str()) + "'" + suggestion(name.str(), names));
      } else if (const auto* const member = std::get_if<Text>(&key->member)) {
        account.*(*member) = text_of(key->name, node);
      } else if (const auto value = node.value_exact<bool>()) {
        account.*std::get<Switch>(key->member) = *value;
      } else {
        found(node, std::string(key->name) + " is true or false, without quotes");
      }
    }
    return account;
  }

  std::string text_of(std::string_view name, const toml::node& node) {
    const auto text = node.value_exact<std::string>();
    if (!text) found(node, std::string(name) + " is a text: write it in quotes");
    // What it is stays unsaid: it may be a password.
    if (text && (text->size() > kMailValueMax ||
                 std::ranges::any_of(*text, [](char c) { return static_cast<unsigned char>(c) < ' '; })))
      found(node, std::string(name) + " is too long, or holds control characters");
    return text.value_or("");
  }

  void take_host(MailAccount& account, const HostKey& key, const toml::node& node) {
    const std::string text = text_of(key.name, node);
    auto host = parse_mail_host(key.protocol, text);
    if (!host) return found(node, host.error().text());
    auto& place = key.protocol == Protocol::smtp ? account.smtp : account.box;
    if (place) found(node, "an account has its mail by imap or by pop3, not by both: write another [[account]]");
    place = *std::move(host);
  }

  void check(const toml::node& node, MailAccount& account) {
    if (account.name.empty()) found(node, "the account has no name: write name = \"work\"");
    if (std::ranges::find(all_.accounts, account.name, &MailAccount::name) != all_.accounts.end())
      found(node, "there are two accounts '" + shown(account.name) + "'");
    if (!account.box && !account.smtp)
      found(node, "the account '" + shown(account.name) + "' has no server: write imap = \"imap.example.org\"");
    if (!account.address.empty() && !message::check_addresses(account.address, message::AddressSyntax::addr_spec))
      found(node, "'" + shown(account.address) + "' is no address");
    if (account.user.empty() && account.address.empty())
      found(node, "the account '" + shown(account.name) + "' has neither user nor address");
    const int passwords = (account.password.empty() ? 0 : 1) + (account.password_file.empty() ? 0 : 1) +
                          (account.password_command.empty() ? 0 : 1) + (account.token_file.empty() ? 0 : 1) +
                          (account.tickets ? 1 : 0);
    if (passwords > 1)
      found(node, "one of password, password_file, password_command, token_file and tickets is enough");
    if (account.key.empty()) return;
    auto key = parse_key(account.key);
    if (key)
      account.key = *std::move(key);
    else
      found(node, key.error().text());
  }

  std::string_view file_;
  MailAccounts all_;
  std::size_t default_line_ = 0;
  std::string findings_;
};

/// A basic string of TOML.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Result<MailAccount> MailAccounts::find(std::string_view name) const {
  if (accounts.empty())
    return fail(kInvalid, "there is no account; angarium mail account add --help tells how to make one");
  if (name.empty() && preferred.empty()) return accounts.front();
  const std::string_view wanted = name.empty() ? std::string_view(preferred) : name;
  std::vector<std::string_view> names;
  for (const MailAccount& account : accounts) {
    if (account.name == wanted) return account;
    names.push_back(account.name);
  }
  const std::string_view best = nearest(wanted, names);
  return fail(kInvalid, "there is no account '" + escape_controls(wanted, 100) + "'" +
                            (best.empty() ? "; angarium mail account list names them"
                                          : "; did you mean '" + escape_controls(best, 100) + "'?"));
}

bool MailAccounts::holds_password() const {
  return std::ranges::any_of(accounts, [](const MailAccount& account) { return !account.password.empty(); });
}

Result<MailAccounts> parse_mail_accounts(std::string_view text, std::string_view file) {
  if (text.size() > kMailAccountsOctetsMax)
    return fail(kInvalid, std::string(file) + " is larger than " + format_size(kMailAccountsOctetsMax));
  AccountReader reader(file);
  try {
    reader.read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return fail(kInvalid, std::string(file) + ":" + std::to_string(error.source().begin.line) + ": " +
                              std::string(error.description()));
  }
  return reader.result();
}

std::string mail_account_text(const MailAccount& account) {
  std::string text = "[[account]]\n";
  const auto line = [&](std::string_view name, const std::string& value) {
    text += std::string(name) + " = " + value + "\n";
  };
  for (const AccountKey& key : kKeys) {
    if (const auto* const member = std::get_if<Text>(&key.member)) {
      if (!(account.*(*member)).empty()) line(key.name, quoted(account.*(*member)));
    } else {
      const Switch given = std::get<Switch>(key.member);
      if (account.*given != MailAccount().*given) line(key.name, account.*given ? "true" : "false");
    }
  }
  for (const HostKey& key : kHostKeys) {
    const auto& place = key.protocol == Protocol::smtp ? account.smtp : account.box;
    if (place && place->protocol == key.protocol) line(key.name, quoted(mail_host_text(*place)));
  }
  return text;
}

}  // namespace angarium::configuration
