#include "agent/index_verbs.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <vector>

#include "agent/queue_verbs.h"
#include "base/text.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;

/// The accounts that are meant, by their ids.
Result<std::map<account::AccountId, std::string>> meant(Services& services, const std::string& address) {
  std::map<account::AccountId, std::string> found;
  if (address.empty()) {
    for (const account::Account& account : TRY(services.directory().accounts(""))) found[account.id] = account.address;
    return found;
  }
  const auto account = TRY(services.directory().account(address));
  if (!account) return fail(account::kUnknown, "there is no account " + escape_controls(address));
  found[account->id] = account->address;
  return found;
}

/// What is shown of one account.
json::object show(const std::string& address, const Indexing::Standing& standing) {
  return {{"address", address},
          {"messages", standing.state.documents()},
          {"octets", standing.state.octets()},
          {"chunks", standing.state.chunks.size()},
          {"indexed_to", standing.state.mark},
          {"newest", standing.newest}};
}

}  // namespace

io::Task<Result<std::string>> index_verb(Services& services, control::Request request, control::Tell tell) {
  if (request.verb != "index.show" && request.verb != "index.rebuild")
    co_return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
  const auto accounts =
      CO_TRY(co_await io::run(services.pool(), [&services, address = std::string(request.get("address"))] {
        return meant(services, address);
      }));
  Indexing& indexing = services.indexing();
  if (request.verb == "index.rebuild") {
    std::vector<index::AccountId> ids;
    for (const auto& [id, address] : accounts) ids.push_back(id);
    CO_TRY(co_await indexing.rebuild(std::move(ids),
                                     [tell](std::uint64_t done, std::uint64_t all) { tell({done, all}); }));
  }
  json::array rows;
  for (const Indexing::Standing& standing : CO_TRY(co_await indexing.standing(std::nullopt)))
    if (const auto account = accounts.find(standing.account); account != accounts.end())
      rows.push_back(show(account->second, standing));
  co_return json::serialize(rows);
}

}  // namespace angarium::agent
