#include "agent/transfer_verbs.h"

#include <boost/json.hpp>

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

struct Found {
  mailbox::AccountId account = 0;
  std::string place;  ///< JSON
};

/// Blocks.
Result<Found> find(Services& services, const LocationTerms& terms, const std::string& address) {
  const auto account = TRY(services.directory().account(address));
  if (!account) return fail(account::kUnknown, "there is no account " + escape_controls(address));
  const Whereabouts whereabouts = TRY(Whereabouts::read(services, terms));
  // Whose place cannot be told now has what it moved in from.
  const auto place = whereabouts.location(*account);
  const bool in_configuration = place && *place;
  const location::MovedIn* const moved = whereabouts.moved_in(account->id);
  // Nor may its own boxes come in a second time meanwhile.
  if (!place && place.error().temporary() && moved == nullptr) return std::unexpected(place.error());
  std::string text = moved != nullptr ? moved->location : "";
  if (in_configuration) text = route::format_location(**place);
  const bool moved_in = moved != nullptr && moved->location == text;
  const std::string before = moved != nullptr && !moved_in ? moved->location : "";
  return Found{account->id, boost::json::serialize(boost::json::object{{"location", text},
                                                                       {"moved_in", moved_in},
                                                                       {"in_configuration", in_configuration},
                                                                       {"moved_in_from", before}})};
}

io::Task<Opening> open_talk(Services& services, LocationTerms terms, const Request& request) {
  auto found = co_await io::run(services.pool(), [&services, terms, address = std::string(request.get("address"))] {
    return find(services, terms, address);
  });
  if (!found) co_return Opening{.reply = control::failure(found.error()), .talk = {}};
  transfer::Desk desk{
      .mail = services.mail(), .tablet = services.tablet(), .pool = services.pool(), .account = found->account};
  control::Talk talk = [desk](std::unique_ptr<io::Stream> stream) -> io::Task<> {
    co_await transfer::receive(*stream, desk);
  };
  if (request.verb == kExport)
    talk = [desk](std::unique_ptr<io::Stream> stream) -> io::Task<> { co_await transfer::give(*stream, desk); };
  co_return Opening{.reply = {.result = std::move(found->place)}, .talk = std::move(talk)};
}

}  // namespace

control::Opener transfers(Services& services, std::function<LocationTerms()> terms) {
  return [&services, terms = std::move(terms)](const Request& request,
                                               control::Caller caller) -> io::Task<std::optional<Opening>> {
    if (request.verb != kImport && request.verb != kExport) co_return std::nullopt;
    if (!may_administer(caller, request)) co_return Opening{.reply = control::failure(not_permitted()), .talk = {}};
    log::info("admin", "request", {{"uid", std::uint64_t{caller.uid}}, {"verb", request.verb}});
    co_return co_await open_talk(services, terms(), request);
  };
}

}  // namespace angarium::agent
