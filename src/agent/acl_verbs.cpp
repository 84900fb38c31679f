#include "agent/acl_verbs.h"

#include <algorithm>
#include <boost/json.hpp>

#include "agent/owners.h"
#include "agent/queue_verbs.h"
#include "base/text.h"
#include "protocol/imap/rights.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
namespace imap = protocol::imap;
using control::Request;
using mailbox::AccessEntry;

/// What is to be done with one line.
struct Wanted {
  AccessEntry entry;
  mailbox::AccessChange change = mailbox::AccessChange::replace;
};

json::array lines(const mailbox::MailboxInfo& info) {
  json::array rows;
  if (!info.access) return rows;
  for (const AccessEntry& entry : *info.access) {
    const std::string sign = entry.sense == AccessEntry::Sense::deny ? "-" : "";
    rows.push_back(json::object{
        {"mailbox", info.name}, {"identifier", sign + entry.identifier}, {"rights", imap::rights_text(entry.rights)}});
  }
  return rows;
}

/// Whom and what the request names; `list`: names in it are taken as they stand. Blocks.
Result<Wanted> wanted(Services& services, const Request& request, const std::string& owner,
                      const mailbox::AccessListPtr& list) {
  Wanted found;
  std::string identifier(request.get("identifier"));
  if (identifier.starts_with('-')) found.entry.sense = AccessEntry::Sense::deny;
  if (found.entry.sense == AccessEntry::Sense::deny) identifier.erase(0, 1);
  const bool stands = list && std::ranges::find(*list, identifier, &AccessEntry::identifier) != list->end();
  if (!stands)
    identifier = TRY(access_identifier(services.directory(), owner.substr(owner.rfind('@') + 1), identifier));
  if (identifier == owner) return fail(kUsageError, "the owner of a mailbox has all rights, and keeps them");
  found.entry.identifier = std::move(identifier);
  if (request.verb == "acl.remove") return found;
  std::string_view letters = request.get("rights");
  if (letters.starts_with('+')) found.change = mailbox::AccessChange::add;
  if (letters.starts_with('-')) found.change = mailbox::AccessChange::remove;
  if (found.change != mailbox::AccessChange::replace) letters.remove_prefix(1);
  const auto rights = imap::rights_of_letters(letters);
  if (!rights) return fail(kUsageError, "rights are letters of lrswipkxtea; see angarium acl set --help");
  found.entry.rights = *rights;
  return found;
}

}  // namespace

io::Task<Result<std::string>> acl_verb(Services& services, Request request) {
  const auto account = CO_TRY(co_await io::run(
      services.pool(), [&services, address = std::string(request.get("address"))]() -> Result<account::Account> {
        auto found = TRY(services.directory().account(address));
        if (!found) return fail(account::kUnknown, "there is no account " + escape_controls(address, 400));
        return *std::move(found);
      }));
  const auto mail = CO_TRY(co_await services.mail().account(account.id));
  const std::string name(request.get("mailbox"));
  const mailbox::ListingPtr listing = mail->listing();
  if (request.verb == "acl.list" && !request.has("mailbox")) {
    json::array rows;
    for (const mailbox::MailboxInfo& info : listing->mailboxes)
      for (json::value& row : lines(info)) rows.push_back(std::move(row));
    co_return json::serialize(rows);
  }
  const mailbox::MailboxInfo* const info = listing->find(name);
  if (info == nullptr)
    co_return fail(mailbox::kNoMailbox, account.address + " has no mailbox " + escape_controls(name, 400));
  if (request.verb != "acl.list") {
    if (request.verb != "acl.set" && request.verb != "acl.remove")
      co_return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
    Wanted change =
        CO_TRY(co_await io::run(services.pool(), [&services, request, owner = account.address, list = info->access] {
          return wanted(services, request, owner, list);
        }));
    CO_TRY(co_await mail->set_access(info->id, std::move(change.entry), change.change));
  }
  const mailbox::ListingPtr now = mail->listing();
  const mailbox::MailboxInfo* const changed = now->find(info->id);
  co_return json::serialize(changed == nullptr ? json::array() : lines(*changed));
}

}  // namespace angarium::agent
