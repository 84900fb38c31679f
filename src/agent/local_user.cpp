#include "agent/local_user.h"

#include <pwd.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/text.h"
#include "io/pool.h"
#include "message/address.h"
#include "protocol/smtp/server.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;
namespace {

std::string login_of(unsigned uid) {
  std::array<char, 4096> texts{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, texts.data(), texts.size(), &found) != 0 || found == nullptr) return "unknown";
  return found->pw_name;
}

}  // namespace

io::Task<Result<std::string>> local_origin(Services& services, const Terms& terms) {
  const auto domains =
      CO_TRY(co_await io::run(services.pool(), [&directory = services.directory()] { return directory.domains(); }));
  const std::string& host = terms.configuration.server.hostname;
  const bool served = std::ranges::any_of(domains, [&](const auto& one) { return equals_ignore_case(one.name, host); });
  co_return served || domains.empty() ? host : domains.front().name;
}

io::Task<Result<LocalUser>> local_user(Services& services, unsigned uid) {
  LocalUser user{.uid = uid, .name = {}, .author = {}, .mark = {}};
  user.name = CO_TRY(co_await io::run(services.pool(), [uid] { return Result<std::string>(login_of(uid)); }));
  co_return user;
}

io::Task<Result<account::Account>> mailbox_of(Services& services, SystemUsers* users, unsigned uid) {
  if (users == nullptr) co_return fail(kNoMailbox, "users of this host have no mailboxes here: local.system_users");
  if (uid == 0) {
    auto root = CO_TRY(co_await io::run(services.pool(), [users] { return users->root(); }));
    if (!root)
      co_return fail(kNoMailbox,
                     "root has no mailbox here: its mail goes elsewhere, or the operator's account reads it");
    co_return *std::move(root);
  }
  auto found = CO_TRY(co_await io::run(services.pool(), [users, uid] { return users->find(to_lower(login_of(uid))); }));
  // Two users may have names that differ in case alone, and a name may have been given to another since.
  const bool own = found && found->user.uid == uid && found->account.origin == account::Origin::host;
  if (!own || found->account.status != account::Status::enabled)
    co_return fail(kNoMailbox, "user " + std::to_string(uid) + " has no mailbox here");
  co_return std::move(found->account);
}

smtp::Policy local_policy(smtp::Policy submission, std::string origin) {
  submission.tls = smtp::TlsUse::none;
  submission.auth = smtp::AuthUse::none;
  submission.mechanisms.clear();
  submission.priorities.highest = submission.priorities.authenticated;
  submission.line_ends = smtp::LineEnds::normalise;
  submission.synchrony = smtp::Synchrony::not_needed;
  submission.default_domain = std::move(origin);
  return submission;
}

io::Task<> serve_local_user(Services& services, const Terms& terms, unsigned uid, wire::Connection& connection,
                            io::Event* stop) {
  auto origin = co_await local_origin(services, terms);
  auto user = co_await local_user(services, uid);
  if (!origin || !user) {
    const Error& error = origin ? user.error() : origin.error();
    log::error("smtp", "a user of this host was turned away", {{"uid", std::uint64_t{uid}}, {"error", error.text()}});
    (void)co_await io::write_all(connection, "421 4.3.0 The server cannot look up its domains, try again later\r\n");
    co_return;
  }
  user->author = message::format_address("", user->name, *origin, std::string_view("From: ").size());
  SmtpDesk desk = terms.submission;
  desk.policy = local_policy(std::move(desk.policy), *std::move(origin));
  SmtpSession session(desk, connection.peer(), *std::move(user));
  co_await smtp::serve(connection, session, desk.policy, stop);
}

}  // namespace angarium::agent
