#include "agent/referral.h"

#include "base/text.h"

namespace angarium::agent {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kScheme = "imap://";
/// Octets: a host's name, a user's and what else a URL may hold.
constexpr std::size_t kUrlMax = 1000;

/// Of user, host and port (RFC 5092 §11): nothing that would end the response code.
bool may_stand_there(char c) { return is_alpha(c) || is_digit(c) || "-._~!$&'*+,;=:@%"sv.contains(c); }

}  // namespace

Result<std::string> imap_server_url(std::string_view text) {
  if (text.empty()) return std::string();
  std::string_view server = text;
  if (server.ends_with('/')) server.remove_suffix(1);
  bool good = starts_with_ignore_case(server, kScheme) && text.size() <= kUrlMax;
  if (good) server.remove_prefix(kScheme.size());
  for (const char c : server) good = good && may_stand_there(c);
  if (!good || server.empty() || server.ends_with('@'))
    return fail(account::kInvalid, "the URL of an IMAP server is imap://HOST/");
  return std::string(kScheme) + std::string(server) + "/";
}

std::string referral(const account::Account& account) {
  if (account.moved_to.contains('@')) return account.moved_to;
  std::string user;
  for (const char c : account.address) {
    if (is_alpha(c) || is_digit(c) || "-._"sv.contains(c))
      user += c;
    else
      (user += '%') += to_hex({&c, 1});
  }
  // Any mechanism will do (RFC 2221 §4.1, RFC 5092 §3.2).
  return std::string(kScheme) + user + ";AUTH=*@" + account.moved_to.substr(kScheme.size());
}

}  // namespace angarium::agent
