// The mail accounts of one user at servers anywhere: ~/.config/angarium/mail.toml, which `angarium mail` reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::configuration {

/// Octets of the file, and accounts in it: larger ones are a mistake.
inline constexpr std::size_t kMailAccountsOctetsMax = std::size_t{1} << 20;
inline constexpr std::size_t kMailAccountsMax = 100;
/// Octets of a value.
inline constexpr std::size_t kMailValueMax = 1024;

/// Where a server is, and how it is spoken to.
struct MailHost {
  enum class Protocol : std::uint8_t { imap, pop3, smtp };
  enum class Tls : std::uint8_t {
    automatic,  ///< TLS from the first octet on, else STARTTLS; never none
    implicit,
    starttls,
    none,  ///< to this host only
  };
  Protocol protocol = Protocol::imap;
  Tls tls = Tls::automatic;
  std::string host;
  std::uint16_t port = 0;  ///< 0: the standard one, which follows from `tls`
  friend bool operator==(const MailHost&, const MailHost&) = default;
};

/// RFC 8314 §7.3: 993, 995, 465; with STARTTLS 143, 110, 587 (RFC 6409 §3.1).
std::uint16_t standard_port(MailHost::Protocol protocol, MailHost::Tls tls);
/// "imaps://host", "imap://host:1143" (STARTTLS), "imap+plain://127.0.0.1", the same with pop3 and pop3s, submissions
/// (or smtps), submission (or smtp), submission+plain; or "host" and "host:port" alone, when `protocol` says what is
/// spoken there and a well-known port how. An IPv6 address stands in brackets. kInvalid, in words for who wrote it.
Result<MailHost> parse_mail_host(MailHost::Protocol protocol, std::string_view text);
/// The inverse.
std::string mail_host_text(const MailHost& host);

struct MailAccount {
  std::string name;
  std::string address;           ///< "anna@example.org", of From
  std::string full_name;         ///< of From; may be empty
  std::optional<MailHost> box;   ///< by IMAP or POP3
  std::optional<MailHost> smtp;  ///< where mail is sent by
  std::string user;              ///< empty: the address
  std::string smtp_user;         ///< empty: `user`
  bool smtp_login = true;        ///< false: mail is sent without a login
  std::string password;
  std::string password_file;
  std::string password_command;
  std::string token_file;  ///< instead: an access token, which somebody else keeps fresh
  bool tickets = false;    ///< instead: the user's tickets of Kerberos
  std::string key;         ///< SHA-256 of the servers' public key, in hexadecimal; empty: certificates are checked
  std::string sent;        ///< where copies go; empty: the folder that the server says is for them
  bool save_sent = true;   ///< false: the server keeps copies by itself
  friend bool operator==(const MailAccount&, const MailAccount&) = default;
};

struct MailAccounts {
  std::string preferred;  ///< `default`; empty: the first
  std::vector<MailAccount> accounts;

  /// By name, or the preferred one for an empty name. kInvalid, with the nearest name.
  [[nodiscard]] Result<MailAccount> find(std::string_view name) const;
  [[nodiscard]] bool holds_password() const;
};

/// Strict: all mistakes with their lines, and what may have been meant. `file` is the name they are told with.
Result<MailAccounts> parse_mail_accounts(std::string_view text, std::string_view file);
/// The account as a section to append to the file.
std::string mail_account_text(const MailAccount& account);
/// "sha256:AB:CD…" as 64 digits in lower case.
Result<std::string> parse_key(std::string_view text);

}  // namespace angarium::configuration
