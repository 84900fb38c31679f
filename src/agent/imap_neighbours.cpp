#include "agent/imap_neighbours.h"

#include <algorithm>

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
      .key = "a" + std::to_string(id),
      .account = std::make_shared<ImapAccount>(services_, budget_, append_limit_, address, std::string(), *std::move(mail),
                                               std::nullopt, Caretaker::Attendance(), reader_)};
  co_return known_.emplace(id, std::move(made)).first->second;
}

io::Task<Result<std::vector<imap::Neighbour>>> ImapNeighbours::all() {
  auto sharing = co_await services_.mail().sharing(reader_.identifiers);
  if (!sharing) co_return std::unexpected(imap_error(std::move(sharing).error()));
  // It comes first, so that it is among those that are looked at.
  if (public_account_)
    if (const auto at = std::ranges::find(*sharing, *public_account_); at != sharing->end())
      std::rotate(sharing->begin(), at, at + 1);
  std::vector<imap::Neighbour> found;
  for (const account::AccountId id : *sharing) {
    if (id == reader_.id) continue;
    if (found.size() >= kNeighboursMax) break;
    if (auto one = CO_TRY(co_await neighbour(id))) found.push_back(*std::move(one));
  }
  co_return found;
}

io::Task<Result<std::string>> ImapNeighbours::identifier(std::string written) {
  auto identifier = co_await io::run(
      services_.pool(), [&directory = services_.directory(), domain = address_.substr(address_.rfind('@') + 1),
                         written = std::move(written)] { return access_identifier(directory, domain, written); });
  if (!identifier && identifier.error().is(kNobody)) co_return fail(imap::kCannot, identifier.error().text());
  co_return identifier;
}

}  // namespace angarium::agent
