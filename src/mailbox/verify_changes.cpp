#include "mailbox/verify_changes.h"

#include <fmt/format.h>

#include <utility>

#include "mailbox/limits.h"

namespace angarium::mailbox {

ChangeAudit::ChangeAudit(Modseq highest, Find find)
    : highest_(highest), kept_from_(highest > kChangesMax ? highest - kChangesMax : 0), find_(std::move(find)) {}

void ChangeAudit::take(Modseq modseq, const ChangeRecord& record) {
  if (modseq > highest_) return find_(fmt::format("change {}: it is above the account's MODSEQ", modseq));
  if (record.items.empty()) return;
  for (const Change& item : record.items) {
    if (item.uids.count() > kMessagesMax)
      find_(fmt::format("change {}: it names more messages than a mailbox has", modseq));
    else
      take(item);
  }
}

void ChangeAudit::take(const Change& item) {
  Mailbox& mailbox = mailboxes_[item.mailbox];
  switch (item.kind) {
    case Change::Kind::added:
    case Change::Kind::flags: item.uids.for_each([&](Uid uid) { mailbox.told[uid] = {item.modseq, false}; }); break;
    case Change::Kind::expunged:
      item.uids.for_each([&](Uid uid) {
        mailbox.told.erase(uid);
        mailbox.expunged[uid] = item.modseq;
      });
      break;
    case Change::Kind::mailbox:
      for (auto& [uid, told] : mailbox.told) told.maybe = true;
      break;
  }
}

void ChangeAudit::check(MailboxId id, Uid uid, Modseq modseq) {
  auto wrong = [&](std::string_view what) { find_(fmt::format("mailbox {} UID {}: {}", id, uid, what)); };
  const auto mailbox = mailboxes_.find(id);
  if (mailbox == mailboxes_.end()) {
    if (modseq >= kept_from_ && modseq > 1) wrong("the change log does not know it");
    return;
  }
  // A tombstone of a name's earlier life (DELETE, then CREATE) is older than the message.
  const auto expunged = mailbox->second.expunged.find(uid);
  if (expunged != mailbox->second.expunged.end() && expunged->second >= modseq)
    wrong("the change log says it was expunged");
  const auto told = mailbox->second.told.find(uid);
  if (told == mailbox->second.told.end()) {
    if (modseq >= kept_from_ && modseq > 1) wrong("the change log does not know it");
    return;
  }
  if (told->second.modseq != modseq) wrong("the change log has another MODSEQ for it");
  mailbox->second.told.erase(told);
}

void ChangeAudit::finish() {
  for (const auto& [id, mailbox] : mailboxes_)
    for (const auto& [uid, told] : mailbox.told)
      if (!told.maybe)
        find_(fmt::format("mailbox {} UID {}: the change log knows of no expunge, but it is not there", id, uid));
}

}  // namespace angarium::mailbox
