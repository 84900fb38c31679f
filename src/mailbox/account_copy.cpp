// COPY into another account's mailbox: new emails there, of the same bodies.
#include "mailbox/account.h"
#include "mailbox/body_reader.h"
#include "mailbox/thread.h"
#include "message/threading.h"

namespace angarium::mailbox {

namespace {

/// Octets of a header that are read for what threads it: longer ones say it in front.
constexpr std::size_t kHeaderRead = 64 * 1024;
/// How often messages are read that have changed until they were to be copied: a rotation changes each once, and the
/// next one begins when it has ended.
constexpr int kCopyReadings = 4;

Facts::Texts owned(const ReadyTexts& texts) {
  return {std::string(texts.envelope), std::string(texts.body), std::string(texts.body_structure)};
}

/// What was learnt of an email when it came; what is not kept of that, from its header again.
ContentPtr content_of(const Email& email, const Entry& entry, std::string_view header) {
  const EmailView& view = email.view();
  auto content = std::make_shared<Content>();
  content->stored = view.body;
  if (!view.body_key.empty()) content->key.emplace(view.body_key);
  Facts& facts = content->facts;
  facts.presentation = email.presentation();
  facts.open_end = entry.open_end != 0;
  facts.structure = view.structure;
  if (view.ascii_size)
    facts.ascii_growth = static_cast<std::int64_t>(*view.ascii_size) - static_cast<std::int64_t>(view.size);
  facts.ready = view.ready && view.preview;
  if (facts.ready) {
    facts.ascii = owned(view.ascii);
    if (view.utf8 != view.ascii) facts.utf8 = owned(view.utf8);
    // Mail that is older than previews goes without ready texts: what is not stored is made when it is asked for.
    if (view.preview) facts.preview = *view.preview;
    facts.references = view.references ? std::string(*view.references) : message::thread_references(header);
  }
  facts.threads = thread_keys(header);
  return content;
}

}  // namespace

io::Task<Result<Account::Outgoing>> Account::outgoing(MailboxId from, const UidSet& uids, CopiedFlags flags) {
  const ViewPtr all = CO_TRY(co_await view(from));
  std::vector<Entry> entries;
  std::size_t octets = 0;
  Outgoing result;
  all->for_each(uids, [&](std::uint32_t, const Entry& entry) {
    if (entries.size() <= kBatchMessagesMax) entries.push_back(entry);
  });
  if (entries.size() > kBatchMessagesMax) co_return fail(kTooMany, "too many messages at once");
  for (const Entry& entry : entries) {
    const EmailPtr found = CO_TRY(co_await email(entry.email));
    octets += found->record().size();
    if (octets > store::kBatchMetadataMax / 4) co_return fail(kTooMany, "too many messages at once");
    const std::string header = CO_TRY(co_await read(found, (*found)->prepended.size(), kHeaderRead));
    const std::size_t end = header.find("\r\n\r\n");
    AppendItem& item = result.items.emplace_back();
    item.content = content_of(*found, entry, std::string_view(header).substr(0, end));
    item.prepended = (*found)->prepended;
    const auto& origin = (*found)->origin;
    item.origin =
        origin ? Origin{origin->account == 0 ? id_ : origin->account, origin->email} : Origin{id_, entry.email};
    item.received = WallTime::from_seconds(entry.date);
    item.zone_minutes = entry.zone_minutes();
    item.flags.system = entry.flags() & flags.system;
    if (flags.keywords)
      all->keywords_of(entry).for_each(
          [&](std::uint16_t index) { item.flags.keywords.push_back(all->keywords().name(index)); });
    // The body must not be swept in between: its email is still there when the new one comes (tablet.h, sweep()).
    result.expected.expect(email_key(id_, entry.email), found->record());
    result.source.add(entry.uid);
  }
  co_return result;
}

io::Task<Result<CopyResult>> Account::copy_to(MailboxId from, UidSet uids, std::shared_ptr<AccountMail> target,
                                              MailboxId to, CopiedFlags flags) {
  for (int reading = 1;; ++reading) {
    Outgoing sent = CO_TRY(co_await outgoing(from, uids, flags));
    CopyResult result;
    // What was there at the first reading is copied, or nothing.
    if (reading > 1 && sent.source != uids) co_return fail(kExpunged, "a message is no longer there");
    if (sent.items.empty()) co_return result;
    uids = sent.source;
    auto appended = co_await target->append(to, std::move(sent.items), std::move(sent.expected));
    if (!appended && appended.error().is(store::kExpectation)) {
      // Sealed anew by a rotation of this account's key, or gone.
      if (reading < kCopyReadings) continue;
      co_return fail(kExpunged, "a message is no longer there");
    }
    auto [uid_validity, copies, modseq] = CO_TRY(std::move(appended));
    result.uid_validity = uid_validity;
    result.source = std::move(sent.source);
    result.target = std::move(copies);
    result.modseq = modseq;
    co_return result;
  }
}

}  // namespace angarium::mailbox
