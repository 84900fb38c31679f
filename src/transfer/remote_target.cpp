#include "transfer/remote_target.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.h"
#include "io/block_on.h"
#include "transfer/remote_mailbox.h"
#include "transfer/remote_session.h"

namespace angarium::transfer {
namespace {

namespace imap = protocol::imap;
using mailbox::SpecialUse;

struct Use {
  SpecialUse here;
  imap::NameBit bit;
  [[nodiscard]] std::string_view there() const { return imap::kNameAttributes[std::countr_zero(std::uint32_t{bit})]; }
};
constexpr std::array<Use, 5> kUses = {{{SpecialUse::drafts, imap::kNameDrafts},
                                       {SpecialUse::sent, imap::kNameSent},
                                       {SpecialUse::junk, imap::kNameJunk},
                                       {SpecialUse::trash, imap::kNameTrash},
                                       {SpecialUse::archive, imap::kNameArchive}}};

const Use* use_of_listed(SpecialUse use) {
  const auto* const at = std::ranges::find(kUses, use, &Use::here);
  return at == kUses.end() ? nullptr : at;
}

bool selectable(const imap::ListResponse& row) {
  return (row.attributes & (imap::kNameNoSelect | imap::kNameNonExistent)) == 0;
}

}  // namespace

/// What the server has.
struct RemoteTarget::Names {
  std::vector<imap::ListResponse> rows;
  std::optional<char> delimiter;
  std::string prefix;

  [[nodiscard]] const imap::ListResponse* find(std::string_view name) const {
    const auto at = std::ranges::find_if(rows, [&](const auto& row) {
      return row.name == name || (name == mailbox::kInbox && equals_ignore_case(row.name, name));
    });
    return at == rows.end() || !selectable(*at) ? nullptr : &*at;
  }
  [[nodiscard]] const imap::ListResponse* find(const Use& use) const {
    const auto at =
        std::ranges::find_if(rows, [&](const auto& row) { return (row.attributes & use.bit) != 0 && selectable(row); });
    return at == rows.end() ? nullptr : &*at;
  }
};

std::string name_there(std::string_view name, std::optional<char> delimiter, std::string_view prefix) {
  if (name == mailbox::kInbox) return std::string(name);
  // Where all that is one's own stands below INBOX, so does what is below it here.
  std::string there(starts_with_ignore_case(name, std::string(mailbox::kInbox) + mailbox::kSeparator) &&
                            starts_with_ignore_case(prefix, mailbox::kInbox)
                        ? ""
                        : prefix);
  for (std::string_view rest = name; !rest.empty();) {
    std::string level(take_until(rest, mailbox::kSeparator));
    if (delimiter) std::ranges::replace(level, *delimiter, '_');
    there += level;
    if (!rest.empty()) there += delimiter.value_or('_');
  }
  return there;
}

RemoteTarget::RemoteTarget(io::Loop& loop, Link& link, std::unique_ptr<RemoteSession> session)
    : loop_(loop), link_(link), session_(std::move(session)), names_(std::make_unique<Names>()) {}
RemoteTarget::~RemoteTarget() = default;

Result<std::unique_ptr<RemoteTarget>> RemoteTarget::enter(io::Loop& loop, Link& link,
                                                          std::unique_ptr<wire::Connection> connection,
                                                          RemoteOptions options) {
  auto session = std::make_unique<RemoteSession>(loop, std::move(connection), std::move(options));
  TRY(session->enter());
  std::unique_ptr<RemoteTarget> target(new RemoteTarget(loop, link, std::move(session)));
  imap::Client& client = target->session_->client();
  Names& names = *target->names_;
  const auto spaces = TRY(io::block_on(loop, client.namespaces()));
  names.rows = TRY(io::block_on(loop, client.list("", "*")));
  if (!spaces.personal.empty()) {
    names.prefix = spaces.personal.front().prefix;
    names.delimiter = spaces.personal.front().delimiter;
  } else if (!names.rows.empty()) {
    names.delimiter = names.rows.front().delimiter;
  }
  return target;
}

Result<std::string> RemoteTarget::place_of(const ListedMailbox& mailbox) {
  const Use* const use = use_of_listed(mailbox.use);
  const imap::ListResponse* const there = use == nullptr ? nullptr : names_->find(*use);
  return there != nullptr ? there->name : name_there(mailbox.name, names_->delimiter, names_->prefix);
}

Result<std::unique_ptr<Box>> RemoteTarget::box(const ListedMailbox& mailbox) {
  RemoteMailboxTerms terms{.mailbox = mailbox, .name = TRY(place_of(mailbox)), .use = {}};
  terms.exists = names_->find(terms.name) != nullptr;
  if (const Use* const use = use_of_listed(mailbox.use)) terms.use = use->there();
  return look_at_remote_mailbox(loop_, link_, *session_, std::move(terms));
}

}  // namespace angarium::transfer
