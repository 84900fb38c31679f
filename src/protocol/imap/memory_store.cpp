// What the model body holds: accounts, mailboxes, messages.
#include "protocol/imap/memory_backend.h"

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "message/ascii_form.h"
#include "message/binary_parts.h"
#include "message/content.h"
#include "message/downgrade.h"
#include "message/imap_text.h"
#include "message/threading.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/memory_mailbox.h"

namespace angarium::protocol::imap {

// ---- state ----------------------------------------------------------------------------------------------------------

void MemoryMailboxState::publish(std::vector<Entry> entries, std::uint32_t uid_next, std::uint64_t modseq,
                                 std::vector<std::string> keywords) {
  auto next = std::make_shared<MemoryView>();
  next->entries = std::move(entries);
  next->next = uid_next;
  next->modseq = modseq;
  next->names = std::move(keywords);
  view = std::move(next);
  for (auto* watcher : watchers) watcher->set();
  account_watches->tell();
}

void MemoryWatches::tell() const {
  for (auto* watch : all) {
    watch->dirty = true;
    watch->event->set();
  }
}

Rights MemoryMailboxState::rights_of(const std::vector<std::string>& identifiers) const {
  if (identifiers.empty()) return kAllRights;
  Rights granted = 0;
  Rights denied = 0;
  for (const auto& [who, sense, rights] : access) {
    if (std::ranges::find(identifiers, who) == identifiers.end()) continue;
    (sense == AccessLine::Sense::grant ? granted : denied) |= rights;
  }
  return static_cast<Rights>(granted & ~denied);
}

std::vector<Entry> MemoryMailboxState::entries() const {
  std::vector<Entry> all(view->size());
  view->read(0, all);
  return all;
}

std::vector<std::string> MemoryMailboxState::keywords() const {
  const auto names = view->keywords();
  return {names.begin(), names.end()};
}

Result<void> MemoryAccountState::take_trouble() {
  if (!trouble) return {};
  auto error = *std::move(trouble);
  trouble.reset();
  return std::unexpected(std::move(error));
}

std::shared_ptr<MemoryMailboxState> MemoryAccountState::find(std::string_view name) const {
  const auto at = mailboxes.find(name);
  return at == mailboxes.end() ? nullptr : at->second;
}

bool MemoryAccountState::has_inferiors(std::string_view name) const {
  const auto prefix = std::string(name) + kHierarchyDelimiter;
  const auto at = mailboxes.lower_bound(prefix);
  return at != mailboxes.end() && at->first.starts_with(prefix);
}

std::shared_ptr<MemoryMailboxState> MemoryAccountState::make(std::string_view name, std::uint32_t attributes) {
  for (std::size_t at = name.find(kHierarchyDelimiter); at != std::string_view::npos;
       at = name.find(kHierarchyDelimiter, at + 1)) {
    if (find(name.substr(0, at)) == nullptr) make(name.substr(0, at), 0);
  }
  auto state = std::make_shared<MemoryMailboxState>();
  state->uid_validity = next_uid_validity++;
  state->id = "M" + std::to_string(state->uid_validity);
  state->attributes = attributes;
  state->account_watches = watches;
  if (const auto above = find(name.substr(0, std::min(name.rfind(kHierarchyDelimiter), name.size()))))
    if (name.contains(kHierarchyDelimiter)) state->access = above->access;
  state->publish({}, 1, modseq, {});
  mailboxes[std::string(name)] = state;
  return state;
}

namespace {

MemoryEmail::Texts texts_of(const MemoryEmail& email, message::ImapForm form) {
  using message::BodyForm;
  return {.envelope = message::envelope_text(email.structure, email.octets, form),
          .body = message::body_text(email.structure, email.octets, BodyForm::body, form),
          .body_structure = message::body_text(email.structure, email.octets, BodyForm::structure, form)};
}

}  // namespace

std::shared_ptr<const MemoryEmail> MemoryAccountState::keep(std::string octets_of, std::string email_id) {
  auto email = std::make_shared<MemoryEmail>();
  email->id = emails.size() + 1;
  email->octets = std::move(octets_of);
  email->structure = message::parse_structure(email->octets);
  if (std::string ascii = message::ascii_headers(email->structure, email->octets); ascii != email->octets) {
    auto structure = message::AsciiForm(email->structure, email->octets).structure(email->structure);
    email->ascii_form = {std::move(ascii), std::move(structure)};
  }
  email->ascii = texts_of(*email, message::ImapForm::ascii);
  email->utf8 = texts_of(*email, message::ImapForm::utf8);
  email->email_id = email_id.empty() ? "E" + std::to_string(email->id) : std::move(email_id);
  email->thread_id = "T" + std::to_string(email->id);
  email->references = message::thread_references(email->octets);
  email->preview = message::preview(email->structure, email->octets);
  emails[email->id] = email;
  return email;
}

MemoryAccountState& MemoryStore::add_account(std::string_view user, std::string_view password) {
  auto account = std::make_shared<MemoryAccountState>();
  account->user = user;
  logins.users[std::string(user)] = password;
  account->make("INBOX", 0);
  account->make("Archive", kNameArchive);
  account->make("Drafts", kNameDrafts);
  account->make("Junk", kNameJunk);
  account->make("Sent", kNameSent);
  account->make("Trash", kNameTrash);
  return *(accounts_[std::string(user)] = account);
}

std::shared_ptr<MemoryAccountState> MemoryStore::find(std::string_view user) const {
  const auto at = accounts_.find(user);
  return at == accounts_.end() ? nullptr : at->second;
}

}  // namespace angarium::protocol::imap
