#include "agent/transfer_verbs.h"

#include "agent/administrator.h"
#include "base/log.h"
#include "base/text.h"
#include "transfer/give.h"
#include "transfer/receive.h"

namespace angarium::agent {
namespace {

using control::Opening;
using control::Request;

constexpr std::string_view kImport = "transfer.import";
constexpr std::string_view kExport = "transfer.export";

io::Task<Result<mailbox::AccountId>> account_of(Services& services, std::string address) {
  const auto found =
      CO_TRY(co_await io::run(services.pool(), [&services, address] { return services.directory().account(address); }));
  if (!found) co_return fail(account::kUnknown, "there is no account " + escape_controls(address));
  co_return found->id;
}

io::Task<Opening> open_talk(Services& services, const Request& request) {
  auto id = co_await account_of(services, std::string(request.get("address")));
  if (!id) co_return Opening{.reply = control::failure(id.error()), .talk = {}};
  transfer::Desk desk{.mail = services.mail(), .tablet = services.tablet(), .pool = services.pool(), .account = *id};
  control::Talk talk = [desk](std::unique_ptr<io::Stream> stream) -> io::Task<> {
    co_await transfer::receive(*stream, desk);
  };
  if (request.verb == kExport)
    talk = [desk](std::unique_ptr<io::Stream> stream) -> io::Task<> { co_await transfer::give(*stream, desk); };
  co_return Opening{.reply = {}, .talk = std::move(talk)};
}

}  // namespace

control::Opener transfers(Services& services) {
  return [&services](const Request& request, control::Caller caller) -> io::Task<std::optional<Opening>> {
    if (request.verb != kImport && request.verb != kExport) co_return std::nullopt;
    if (!may_administer(caller, request)) co_return Opening{.reply = control::failure(not_permitted()), .talk = {}};
    log::info("admin", "request", {{"uid", std::uint64_t{caller.uid}}, {"verb", request.verb}});
    co_return co_await open_talk(services, request);
  };
}

}  // namespace angarium::agent
