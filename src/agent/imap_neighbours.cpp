#include "agent/imap_neighbours.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "mailbox/access.h"
#include "protocol/imap/error.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/sharing.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

// Both rooms number rights alike.
static_assert(imap::kRightLetters == mailbox::kRightLetters && imap::kAllRights == mailbox::kAllRights);
static_assert(imap::kRightLookup == mailbox::kLookup && imap::kRightRead == mailbox::kRead &&
              imap::kRightSeen == mailbox::kKeepSeen && imap::kRightWrite == mailbox::kWrite &&
              imap::kRightInsert == mailbox::kInsert && imap::kRightPost == mailbox::kPost &&
              imap::kRightCreate == mailbox::kCreate && imap::kRightDelete == mailbox::kDeleteMailbox &&
              imap::kRightDeleteMessages == mailbox::kDeleteMessages && imap::kRightExpunge == mailbox::kExpunge &&
              imap::kRightAdminister == mailbox::kAdminister);

}  // namespace

io::Task<Result<std::optional<imap::Neighbour>>> ImapNeighbours::neighbour(account::AccountId id) {
  if (const auto at = known_.find(id); at != known_.end()) co_return at->second;
  const std::string address = CO_TRY(co_await owners_.address(id));
  if (address.empty()) co_return std::nullopt;
  auto mail = co_await services_.mail().account(id);
  if (!mail && mail.error().is(mailbox::kNoMailbox)) co_return std::nullopt;
  if (!mail) co_return std::unexpected(imap_error(std::move(mail).error()));
  imap::Neighbour made{
      .prefix = id == public_account_ ? std::string(imap::kPublicPrefix)
                                      : std::string(imap::kOthersPrefix) + address + imap::kHierarchyDelimiter,
      .key = mailbox::account_key_text(id),
      .account = std::make_shared<ImapAccount>(services_, budget_, append_limit_, address, std::string(),
                                               *std::move(mail), std::nullopt, Caretaker::Attendance(), reader_)};
  co_return known_.emplace(id, std::move(made)).first->second;
}

io::Task<Result<std::vector<account::AccountId>>> ImapNeighbours::sharing() {
  std::vector<account::AccountId> ids;
  std::set<account::AccountId> seen = {reader_.id};
  // Those that mean this user come before those that mean anyone.
  for (const std::string& identifier : reader_.identifiers) {
    auto some = co_await services_.mail().sharing({identifier});
    if (!some) co_return std::unexpected(imap_error(std::move(some).error()));
    for (const account::AccountId id : *some)
      if (seen.insert(id).second) ids.push_back(id);
  }
  if (public_account_)
    if (const auto at = std::ranges::find(ids, *public_account_); at != ids.end()) std::rotate(ids.begin(), at, at + 1);
  co_return ids;
}

io::Task<Result<std::vector<imap::Neighbour>>> ImapNeighbours::all() {
  const auto ids = CO_TRY(co_await sharing());
  // Where a grant was withdrawn, the account is not held any more but by a mailbox that is selected.
  const std::set<account::AccountId> named(ids.begin(), ids.end());
  std::erase_if(known_, [&](const auto& known) { return !named.contains(known.first); });
  std::vector<imap::Neighbour> found;
  for (const account::AccountId id : ids) {
    if (found.size() >= kNeighboursMax) {
      if (!std::exchange(limit_told_, true))
        log::warning("imap", "more accounts share than are listed",
                     {{"user", address_}, {"sharing", ids.size()}, {"listed", kNeighboursMax}});
      break;
    }
    auto one = co_await neighbour(id);
    if (one && *one) found.push_back(**std::move(one));
    if (one || !unread_.insert(id).second) continue;
    // What one account's records are like is no reason to hide those of all others.
    log::warning("imap", "a sharing account cannot be read",
                 {{"account", id}, {"kind", one.error().kind().name}, {"text", one.error().text()}});
  }
  co_return found;
}

std::string_view ImapNeighbours::prefix_of(std::string_view name) const {
  if (name.starts_with(imap::kPublicPrefix)) return imap::kPublicPrefix;
  if (!name.starts_with(imap::kOthersPrefix)) return {};
  // Local parts may hold the delimiter, but no "@"; domains hold neither.
  const auto at = name.find('@', imap::kOthersPrefix.size());
  const auto end = at == std::string_view::npos ? at : name.find(imap::kHierarchyDelimiter, at);
  return end == std::string_view::npos ? std::string_view() : name.substr(0, end + 1);
}

io::Task<Result<std::optional<imap::Neighbour>>> ImapNeighbours::find(std::string prefix) {
  std::optional<account::AccountId> id = public_account_;
  if (prefix != imap::kPublicPrefix) {
    std::string address = prefix.substr(imap::kOthersPrefix.size(), prefix.size() - imap::kOthersPrefix.size() - 1);
    const auto account = CO_TRY(co_await io::run(
        services_.pool(), [&directory = services_.directory(), address] { return directory.account(address); }));
    // The public one has another name here.
    if (!account || account->address != address || account->id == public_account_) co_return std::nullopt;
    id = account->id;
  }
  const auto ids = CO_TRY(co_await sharing());
  if (!id || std::ranges::find(ids, *id) == ids.end()) co_return std::nullopt;
  co_return co_await neighbour(*id);
}

io::Task<Result<std::string>> ImapNeighbours::identifier(std::string written) {
  auto identifier = co_await io::run(
      services_.pool(), [&directory = services_.directory(), domain = address_.substr(address_.rfind('@') + 1),
                         written = std::move(written)] { return access_identifier(directory, domain, written); });
  if (!identifier && identifier.error().is(kNobody)) co_return fail(imap::kCannot, identifier.error().text());
  co_return identifier;
}

}  // namespace angarium::agent
