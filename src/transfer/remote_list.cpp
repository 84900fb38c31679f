// The folders of an IMAP server and the mailboxes they become.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "transfer/name.h"
#include "transfer/remote_session.h"

namespace angarium::transfer {
namespace {

namespace imap = protocol::imap;
using mailbox::SpecialUse;
using Space = imap::NamespaceResponse::Space;

SpecialUse use_in(std::uint32_t attributes) {
  struct Pair {
    std::uint32_t bit;
    SpecialUse use;
  };
  constexpr std::array<Pair, 5> kPairs = {{{imap::kNameDrafts, SpecialUse::drafts},
                                           {imap::kNameSent, SpecialUse::sent},
                                           {imap::kNameJunk, SpecialUse::junk},
                                           {imap::kNameTrash, SpecialUse::trash},
                                           {imap::kNameArchive, SpecialUse::archive}}};
  for (const Pair& pair : kPairs)
    if ((attributes & pair.bit) != 0) return pair.use;
  return SpecialUse::none;
}

/// "lists/announce" of "INBOX.lists.announce", where "INBOX." is the prefix of all that is one's own.
std::string name_here(std::string_view there, std::optional<char> delimiter, std::string_view prefix) {
  if (equals_ignore_case(there, mailbox::kInbox)) return std::string(mailbox::kInbox);
  if (!prefix.empty() && there.size() > prefix.size() && starts_with_ignore_case(there, prefix))
    there.remove_prefix(prefix.size());
  std::string name;
  while (!there.empty()) {
    const std::string_view level = delimiter ? take_until(there, *delimiter) : std::exchange(there, {});
    if (!level.empty()) name = below(name, level_of(std::string(level)));
  }
  return name.empty() ? "_" : name;
}

bool within(const std::vector<Space>& spaces, std::string_view name) {
  return std::ranges::any_of(spaces, [&](const Space& one) {
    if (one.prefix.empty()) return false;
    std::string_view prefix = one.prefix;
    if (name.starts_with(prefix)) return true;
    // The top of a space is listed without its delimiter.
    if (one.delimiter && prefix.ends_with(*one.delimiter)) prefix.remove_suffix(1);
    return name == prefix;
  });
}

/// Makes of rows what is imported.
class Choice {
 public:
  Choice(const std::vector<std::string>& wanted, const imap::NamespaceResponse& spaces,
         const std::vector<imap::ListResponse>& subscribed)
      : wanted_(wanted), spaces_(spaces) {
    for (const auto& row : subscribed) subscribed_.insert(row.name);
    if (!spaces.personal.empty()) prefix_ = spaces.personal.front().prefix;
  }

  void take(const imap::ListResponse& row, std::string path) {
    if ((row.attributes & (imap::kNameNoSelect | imap::kNameNonExistent)) != 0) return;
    if (!wanted_.empty()) {
      if (std::ranges::find(wanted_, row.name) == wanted_.end()) return;
      named_.insert(row.name);
    } else if ((row.attributes & (imap::kNameAll | imap::kNameFlagged)) != 0) {
      found_.left_out.push_back({row.name, "shows messages of other folders once more; --folder brings it, too"});
      return;
    } else if (within(spaces_.others, row.name) || within(spaces_.shared, row.name)) {
      found_.left_out.push_back({row.name, "belongs to others; --folder brings it, too"});
      return;
    }
    const SpecialUse use = use_in(row.attributes);
    if (use != SpecialUse::none) uses_.insert(use);
    const bool subscribed = (row.attributes & imap::kNameSubscribed) != 0 || subscribed_.contains(row.name);
    found_.folders.push_back({.form = Folder::Form::imap,
                              .name = name_here(row.name, row.delimiter, prefix_),
                              .path = std::move(path),
                              .use = use,
                              .subscription = subscribed ? Subscription::on : Subscription::off,
                              .there = row.name});
  }

  Found finish() {
    for (Folder& folder : found_.folders) {
      // Where the server tells which folder is for something, another of such a name is none.
      if (folder.use == SpecialUse::none && !uses_.contains(use_of(folder.name))) folder.use.reset();
      // INBOX is always seen.
      if (folder.name == mailbox::kInbox) folder.subscription = Subscription::when_made;
    }
    for (const std::string& name : wanted_)
      if (!named_.contains(name)) found_.passed_over.push_back({name, "the server has no such folder"});
    sort_folders(found_.folders);
    return std::move(found_);
  }

 private:
  const std::vector<std::string>& wanted_;
  const imap::NamespaceResponse& spaces_;
  std::set<std::string> subscribed_;
  std::string prefix_;
  std::set<std::string> named_;
  std::set<SpecialUse> uses_;
  Found found_;
};

}  // namespace

io::Task<Result<Found>> RemoteSession::list() {
  const auto spaces = CO_TRY(co_await client_.namespaces());
  const auto* const told = CO_TRY(co_await client_.capabilities());
  const bool tells = told->has("SPECIAL-USE") && (told->has("LIST-EXTENDED") || told->has("IMAP4REV2"));
  const auto rows = CO_TRY(co_await client_.list("", "*"));
  std::vector<imap::ListResponse> subscribed;
  // IMAP4rev2 servers may not know LSUB any more.
  if (!tells) {
    auto asked = co_await client_.subscriptions("", "*");
    if (!asked && !asked.error().is(imap::kServerRefused)) co_return std::unexpected(asked.error());
    if (asked) subscribed = *std::move(asked);
  }
  Choice choice(options_.folders, spaces, subscribed);
  for (const auto& row : rows) choice.take(row, path_of(row.name));
  co_return choice.finish();
}

}  // namespace angarium::transfer
