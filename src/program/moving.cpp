#include "program/moving.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "configuration/mail_accounts.h"
#include "fetch/url.h"
#include "program/password.h"
#include "program/ticket.h"

namespace angarium::program {
namespace {

namespace json = boost::json;
using transfer::Defect;

}  // namespace

std::string shown(std::string_view text) { return escape_controls(text, 4096); }

json::array defects_json(const std::vector<Defect>& defects) {
  json::array all;
  for (const Defect& defect : defects)
    all.push_back(json::object{{"place", shown(defect.place)}, {"words", shown(defect.words)}});
  return all;
}

void print_json(const json::object& object) { fmt::print("{}\n", json::serialize(object)); }

void print_defects(const std::vector<Defect>& defects, std::uint64_t found) {
  for (const Defect& one : defects) fmt::print("  {}: {}\n", shown(one.place), shown(one.words));
  if (found > defects.size()) fmt::print("  and {} more\n", found - defects.size());
}

std::expected<std::string, int> begin_talk(const Context& context, TalkDoor& door, const std::string& verb,
                                           const std::string& account) {
  control::Request request{.verb = verb, .arguments = {}};
  request.add("address", account);
  const auto opened = door.open(context, request);
  if (!opened) return std::unexpected(report(opened.error()));
  if (opened->exit_code != control::kDone) return std::unexpected(report(context, *opened));
  return opened->result;
}

bool is_remote(std::string_view place) { return place.find("://") != std::string_view::npos; }

Result<transfer::RemoteOptions> remote_options(const std::string& url, const RemoteLogin& login) {
  transfer::RemoteOptions remote{.url = TRY(fetch::parse_url(url)), .password = {}, .key = {}, .folders = {}};
  if (remote.url.protocol != fetch::Protocol::imap)
    return fail(fetch::kInvalid, "mail goes in and out by IMAP only; POP3 is for: angarium fetch add");
  if (!login.user.empty()) remote.url.user = login.user;
  if (remote.url.user.empty())
    return fail(fetch::kInvalid, "whose mail there? write imaps://USER@HOST, or --user USER");
  if (!login.key.empty()) remote.key = TRY(configuration::parse_key(login.key));
  if (login.tickets) {
    remote.has = sasl::Needs::ticket;
    remote.ticket = [principal = remote.url.user](const sasl::ClientContext& context) {
      return own_ticket(principal, context);
    };
    return remote;
  }
  std::string password;
  if (login.password_stdin)
    password = password_from_stdin();
  else if (!login.password_file.empty())
    password = TRY(password_from_file(login.password_file));
  else
    password = TRY(password_from_terminal("Password of " + shown(remote.url.user) + " at " + shown(remote.url.host)));
  remote.password = sasl::Secret(std::move(password));
  if (login.token) remote.has = sasl::Needs::token;
  return remote;
}

}  // namespace angarium::program
