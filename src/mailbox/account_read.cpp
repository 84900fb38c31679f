// Reading emails, their octets, and the log of changes.
#include <algorithm>

#include "mailbox/account.h"
#include "mailbox/body_reader.h"
#include "mailbox/record_opener.h"

namespace angarium::mailbox {

namespace {

/// Emails that lie so near each other are read by one scan; a seek costs more than passing over a few.
constexpr EmailId kGapMax = 8;
/// So many are read before the loop's other coroutines may go on.
constexpr std::size_t kEmailsAtOnce = 512;

/// What was opened, wiped when it goes.
struct Wiped {
  Wiped() = default;
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { keyring::wipe(octets); }
  std::string octets;
};

}  // namespace

Result<EmailPtr> Account::read_email(const Surroundings& around, AccountId account, EmailId email, store::Tier tier) {
  auto record = around.tablet.get(email_key(account, email), {.tier = tier});
  if (!record) return std::unexpected(as_ours(std::move(record).error()));
  if (!*record) return fail(kExpunged, "the message is no longer there");
  return RecordOpener(around.keys, account, tier).email(email, **std::move(record));
}

Result<EmailPtr> Account::email_now(EmailId email) { return read_email(around_, id_, email, store::Tier::memory); }

io::Task<Result<EmailPtr>> Account::email(EmailId email) {
  auto now = email_now(email);
  if (now || !now.error().is(kWouldBlock)) co_return now;
  co_return co_await io::run(around_.pool, [around = around_, account = id_, email] {
    return read_email(around, account, email, store::Tier::any);
  });
}

Result<> Account::scan_emails(store::Tablet& tablet, AccountId account, std::span<const EmailId> emails,
                              store::Tier tier, const RecordVisitor& each, std::size_t& done) {
  while (done < emails.size()) {
    // A run of ascending neighbours.
    std::size_t end = done + 1;
    while (end < emails.size() && emails[end] > emails[end - 1] && emails[end] - emails[end - 1] <= kGapMax) ++end;
    Result<> outcome;
    bool stopped = false;
    auto scanned = tablet.scan(email_key(account, emails[done]), email_key(account, emails[end - 1] + 1), {},
                               [&](std::string_view key, std::string_view value) {
                                 const EmailId id = key_number(key, kAfterAccount, 8);
                                 while (done < end && emails[done] < id) ++done;
                                 if (done == end) return store::Step::stop;
                                 if (emails[done] != id) return store::Step::next;
                                 outcome = each(done, id, value, stopped);
                                 if (outcome) ++done;
                                 return outcome && !stopped ? store::Step::next : store::Step::stop;
                               },
                               {.tier = tier});
    if (!outcome) return outcome;
    if (stopped) {
      done = emails.size();
      return {};
    }
    if (!scanned) return std::unexpected(as_ours(std::move(scanned).error()));
    done = end;
  }
  return {};
}

io::Task<Result<>> Account::emails(std::span<const EmailId> emails, EmailVisitor each) {
  RecordOpener opener(around_.keys, id_, store::Tier::memory);
  Wiped opened;
  for (std::size_t begin = 0; begin < emails.size(); begin += kEmailsAtOnce) {
    const auto some = emails.subspan(begin, std::min(kEmailsAtOnce, emails.size() - begin));
    std::size_t done = 0;
    bool finished = false;
    auto visit = [&](std::size_t index, EmailId id, std::string_view value, bool& stopped) -> Result<> {
      const EmailView view = TRY(opener.read(id, value, opened.octets));
      stopped = finished = each(begin + index, view) == store::Step::stop;
      return {};
    };
    auto read = scan_emails(around_.tablet, id_, some, store::Tier::memory, visit, done);
    if (finished) co_return Result<>();
    if (!read) {
      if (!read.error().is(kWouldBlock)) co_return std::unexpected(std::move(read).error());
      using Found = std::vector<std::pair<std::size_t, EmailPtr>>;
      const std::vector<EmailId> rest(some.begin() + static_cast<std::ptrdiff_t>(done), some.end());
      const Found read_there =
          CO_TRY(co_await io::run(around_.pool, [around = around_, account = id_, rest]() -> Result<Found> {
            Found found;
            std::size_t at = 0;
            RecordOpener any(around.keys, account, store::Tier::any);
            auto keep = [&](std::size_t index, EmailId id, std::string_view value, bool&) -> Result<> {
              found.emplace_back(index, TRY(any.email(id, std::string(value))));
              return {};
            };
            TRY(scan_emails(around.tablet, account, rest, store::Tier::any, keep, at));
            return found;
          }));
      for (const auto& [index, email] : read_there)
        if (each(begin + done + index, email->view()) == store::Step::stop) co_return Result<>();
    } else if (begin + some.size() < emails.size()) {
      co_await io::Loop::current().yield();
    }
  }
  co_return Result<>();
}

Result<std::string> Account::read_octets(store::Tablet& tablet, const Email& email, std::uint64_t offset,
                                         std::size_t length, store::Tier tier) {
  const std::string_view prepended = email->prepended;
  const std::uint64_t size = email->size;
  if (offset >= size) return std::string();
  length = static_cast<std::size_t>(std::min<std::uint64_t>(length, size - offset));
  std::string out;
  out.reserve(length);
  if (offset < prepended.size()) out = prepended.substr(static_cast<std::size_t>(offset), length);
  if (out.size() < length) {
    const std::uint64_t in_body = offset + out.size() - prepended.size();
    TRY(read_shown(tablet, email.view(), email.presentation(), in_body, length - out.size(), tier, out));
  }
  return out;
}

Result<std::string> Account::read_now(const Email& email, std::uint64_t offset, std::size_t length) {
  return read_octets(around_.tablet, email, offset, length, store::Tier::memory);
}

io::Task<Result<std::string>> Account::read(EmailPtr email, std::uint64_t offset, std::size_t length) {
  auto now = read_now(*email, offset, length);
  if (now || !now.error().is(kWouldBlock)) co_return now;
  co_return co_await io::run(around_.pool, [&tablet = around_.tablet, email, offset, length] {
    return read_octets(tablet, *email, offset, length, store::Tier::any);
  });
}

io::Task<Result<std::string>> Account::read_stored(EmailPtr email, std::uint64_t offset, std::size_t length) {
  auto read = [&tablet = around_.tablet, email, offset, length](store::Tier tier) -> Result<std::string> {
    std::string out;
    TRY(mailbox::read_stored(tablet, email->view(), offset, length, tier, out));
    return out;
  };
  auto now = read(store::Tier::memory);
  if (now || !now.error().is(kWouldBlock)) co_return now;
  co_return co_await io::run(around_.pool, [read] { return read(store::Tier::any); });
}

namespace {

/// Visits the records of changes after `since`. Waits.
Result<> scan_changes(store::Tablet& tablet, AccountId account, Modseq since,
                      const std::function<store::Step(ChangeRecord)>& each) {
  Result<> outcome;
  TRY(tablet.scan(change_key(account, since + 1), change_key(account, UINT64_MAX), {},
                  [&](std::string_view key, std::string_view value) {
                    auto record = ChangeRecord::decode(key_number(key, kAfterAccount, 8), value);
                    if (!record) {
                      outcome = std::unexpected(std::move(record).error());
                      return store::Step::stop;
                    }
                    return each(*std::move(record));
                  }));
  return outcome;
}

/// Whether the log still has every change after `since`: the mirror of next_modseq().
bool reaches_back(Modseq since, Modseq now) {
  const Modseq trimmed = now / kChangesTrimEvery * kChangesTrimEvery;
  return trimmed <= kChangesMax || since + 1 >= trimmed - kChangesMax;
}

}  // namespace

io::Task<Result<UidSet>> Account::vanished(MailboxId mailbox, Modseq since, UidSet known) {
  const ViewPtr shown = CO_TRY(co_await view(mailbox));
  UidSet gone;
  // Among what can have been assigned, those that are not there.
  if (shown->numbers().uid_next > 1)
    gone = difference(intersection(known, {{1, shown->numbers().uid_next - 1}}), shown->uids());
  if (gone.empty() || !reaches_back(since, modseq())) co_return gone;
  const UidSet expunged = CO_TRY(
      co_await io::run(around_.pool, [&tablet = around_.tablet, account = id_, mailbox, since]() -> Result<UidSet> {
        UidSet found;
        TRY(scan_changes(tablet, account, since, [&](const ChangeRecord& record) {
          for (const Change& item : record.items)
            if (item.kind == Change::Kind::expunged && item.mailbox == mailbox)
              for (const UidRange range : item.uids.ranges()) found.add(range);
          return store::Step::next;
        }));
        return found;
      }));
  co_return intersection(gone, expunged);
}

io::Task<Result<std::vector<Change>>> Account::changes(Modseq since, std::size_t limit) {
  if (!reaches_back(since, modseq())) co_return fail(kTooMany, "the log of changes does not reach so far back");
  co_return co_await io::run(around_.pool,
                             [&tablet = around_.tablet, account = id_, since, limit]() -> Result<std::vector<Change>> {
                               std::vector<Change> found;
                               TRY(scan_changes(tablet, account, since, [&](ChangeRecord record) {
                                 for (Change& item : record.items) found.push_back(std::move(item));
                                 return found.size() < limit ? store::Step::next : store::Step::stop;
                               }));
                               return found;
                             });
}

io::Task<Result<std::vector<EmailId>>> Account::thread(ThreadId thread) {
  co_return co_await io::run(around_.pool,
                             [&tablet = around_.tablet, account = id_, thread]() -> Result<std::vector<EmailId>> {
                               std::vector<EmailId> emails;
                               if (TRY(tablet.get(email_key(account, thread)))) emails.push_back(thread);
                               TRY(tablet.scan(thread_key(account, thread, 0), thread_key(account, thread, UINT64_MAX),
                                               {}, [&](std::string_view key, std::string_view) {
                                                 emails.push_back(key_number(key, kAfterAccount + 8, 8));
                                                 return store::Step::next;
                                               }));
                               return emails;
                             });
}

}  // namespace angarium::mailbox
