#include "protocol/imap/fetcher.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "protocol/imap/decoded_part.h"

namespace angarium::protocol::imap {
namespace {

constexpr std::uint32_t kPreviews = kFetchPreview | kFetchPreviewLazy;
constexpr std::uint32_t kTexts =
    kFetchEnvelope | kFetchBody | kFetchBodyStructure | kFetchEmailId | kFetchThreadId | kPreviews;

/// As UTF-8 whatever is enabled (RFC 8970 §3.3), so what is beyond ASCII comes as a literal.
void append_preview(std::string& out, const std::optional<std::string_view>& preview) {
  if (preview && !all_ascii(*preview)) {
    ((out += '{') += std::to_string(preview->size())) += "}\r\n";
    out += *preview;
    return;
  }
  const std::string text(preview.value_or(""));
  append_nstring(out, preview ? &text : nullptr, message::ImapForm::ascii);
}

/// Whether a message that was told to be \Seen still is: another session may have taken the flag away meanwhile.
bool still_seen(const View* newest, const View& told, const Entry& entry) {
  if (newest == nullptr || newest == &told) return true;
  std::array<Entry, 1> now;
  if (newest->read(newest->lower_bound(entry.uid), now) == 0 || now[0].uid != entry.uid) return true;
  return (now[0].flags & kSeen) != 0;
}

}  // namespace

Fetcher::Fetcher(Session& session, FetchProgram program, Addressing addressing)
    : session_(session), form_(session.strings()), program_(std::move(program)) {
  // RFC 9051 §6.4.9; RFC 7162 §3.2.4: with QRESYNC every FETCH response has the UID. UIDFETCH begins with it.
  if (!session.has(kUidOnly) && (addressing == Addressing::uid || session.has(kQresync))) program_.items |= kFetchUid;
  texts_wanted_ = program_.items & kTexts;
  const bool marks =
      std::ranges::any_of(program_.sections, [](const auto& s) { return s.peek == SectionItem::Peek::no; });
  // RFC 4314 §4.
  sets_seen_ = marks && !session.selected->read_only() && session.selected->may(kRightSeen);
}

io::Task<Result<void>> Fetcher::run(Selected::Resolved resolved) {
  Cursor cursor(*session_.selected, std::move(resolved));
  std::vector<Target> chosen;
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    if (program_.changed_since) {
      chosen.clear();
      std::ranges::copy_if(batch, std::back_inserter(chosen),
                           [&](const Target& t) { return t.entry.modseq > *program_.changed_since; });
      batch = chosen;
    }
    if (sets_seen_) {
      CO_TRY(co_await mark_seen(batch));
      if (session_.selected == nullptr) co_return fail(kNonExistent, "The mailbox was deleted");
      for (auto& target : batch) {
        if (const auto now = target.ghost ? std::nullopt : session_.selected->find(target.entry.uid)) target = *now;
      }
    }
    CO_TRY(co_await tell_batch(batch));
    CO_TRY(co_await session_.room());
  }
  if (failure_) co_return std::unexpected(*std::move(failure_));
  if (unknown_encoding_) co_return fail(kUnknownCte, "The transfer encoding of some parts is not known");
  if (gone_) co_return fail(kExpungeIssued, "Some of the messages are gone");
  co_return Result<void>{};
}

io::Task<Result<void>> Fetcher::mark_seen(std::span<const Target> batch) {
  just_seen_.clear();
  const auto newest = session_.selected->mailbox().view();
  for (const auto& target : batch) {
    if (target.ghost) continue;
    if ((target.entry.flags & kSeen) != 0 && still_seen(newest.get(), session_.selected->view(), target.entry))
      continue;
    if (co_await readable(target.entry)) just_seen_.add(target.entry.uid);
  }
  if (just_seen_.empty()) co_return Result<void>{};
  StoreRequest request{.uids = just_seen_, .change = FlagChange::add, .durability = StoreRequest::Durability::relaxed};
  request.flags.system = kSeen;
  // A full disk must not stop anyone from reading: the flag then stays as it was.
  if (!co_await session_.selected->mailbox().store(std::move(request))) just_seen_.clear();
  session_.tell_changes(just_seen_);
  co_return Result<void>{};
}

io::Task<bool> Fetcher::readable(const Entry& entry) {
  // The message as it is stored: whether it can be read does not depend on the form it is shown in.
  const std::uint64_t size = entry.octets(message::ImapForm::utf8);
  if (size == 0) co_return true;
  const Source source{session_.selected->mailbox(), entry, message::ImapForm::utf8};
  const auto first = co_await source.first({0, size});
  // What is gone was there to be read when the mailbox was last looked at: nothing is hidden by the flag.
  co_return first || first.error().is(kExpungeIssued);
}

void Fetcher::failed(Error error) {
  // The first is logged with the tagged reply.
  if (failure_) return session_.note(error);
  failure_ = std::move(error);
}

io::Task<Result<void>> Fetcher::tell_batch(std::span<const Target> batch) {
  TextBatch texts;
  if (texts_wanted_ != 0 && !batch.empty()) {
    std::array<Entry, Cursor::kBatch> entries;
    for (std::size_t i = 0; i < batch.size(); ++i) entries[i] = batch[i].entry;
    texts = CO_TRY(
        co_await session_.selected->mailbox().texts(std::span(entries).first(batch.size()), texts_wanted_, form_));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!texts.missing.empty() && texts.missing[i] != 0) {
      gone_ = true;
      continue;
    }
    open(batch[i]);
    const bool broken = !texts.damaged.empty() && texts.damaged[i] != 0;
    if (broken) failed(Error(kCorruption, "the texts of a message can't be made from it"));
    if (texts_wanted_ != 0 && !broken) append_texts(texts.messages[i]);
    if (!program_.sections.empty()) CO_TRY(co_await tell_sections(batch[i]));
    // msg-att has at least one item (RFC 9051 §9).
    if (first_item_) {
      item("UID ");
      append_number(session_.text(), batch[i].entry.uid);
    }
    session_.text() += ")\r\n";
  }
  co_return Result<void>{};
}

void Fetcher::item(std::string_view name) {
  auto& out = session_.text();
  if (!first_item_) out += ' ';
  first_item_ = false;
  out += name;
}

void Fetcher::open(const Target& target) {
  auto& out = session_.text();
  const auto& entry = target.entry;
  session_.open_fetch(target);
  first_item_ = true;
  auto items = program_.items;
  // RFC 9051 §6.4.5: the flag set by reading is told with it.
  if (!just_seen_.empty() && just_seen_.contains(entry.uid))
    items |= kFetchFlags | (session_.has(kCondstore) ? kFetchModseq : 0);
  if ((items & kFetchUid) != 0) {
    item("UID ");
    append_number(out, entry.uid);
  }
  if ((items & kFetchFlags) != 0) {
    item("FLAGS (");
    session_.append_flag_list(out, entry);
    out += ')';
  }
  if ((items & kFetchModseq) != 0) {
    item("MODSEQ (");
    append_number(out, entry.modseq);
    out += ')';
  }
  if ((items & kFetchInternalDate) != 0) {
    item("INTERNALDATE ");
    append_internal_date(out, entry.date);
  }
  if ((items & kFetchSaveDate) != 0) {
    item("SAVEDATE ");
    // RFC 8514 §4.2: NIL for what came before it was kept.
    if (entry.saved) {
      append_internal_date(out, {.seconds = *entry.saved});
    } else {
      out += "NIL";
    }
  }
  if ((items & kFetchSize) != 0) {
    item("RFC822.SIZE ");
    append_number(out, entry.octets(form_));
  }
}

void Fetcher::append_texts(const MessageTexts& texts) {
  auto& out = session_.text();
  if ((texts_wanted_ & kFetchEnvelope) != 0) {
    item("ENVELOPE ");
    out += texts.envelope;
  }
  if ((texts_wanted_ & kFetchBody) != 0) {
    item("BODY ");
    out += texts.body;
  }
  if ((texts_wanted_ & kFetchBodyStructure) != 0) {
    item("BODYSTRUCTURE ");
    out += texts.body_structure;
  }
  if ((texts_wanted_ & kFetchEmailId) != 0) {
    item("EMAILID (");
    (out += texts.email_id) += ')';
  }
  if ((texts_wanted_ & kPreviews) != 0) {
    item("PREVIEW ");
    append_preview(out, texts.preview);
  }
  if ((texts_wanted_ & kFetchThreadId) != 0) {
    item("THREADID ");
    if (texts.thread_id.empty()) {
      out += "NIL";
    } else {
      ((out += '(') += texts.thread_id) += ')';
    }
  }
}

}  // namespace angarium::protocol::imap
