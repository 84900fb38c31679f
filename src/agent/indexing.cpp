#include "agent/indexing.h"

#include <sys/resource.h>

#include <algorithm>

#include "agent/imap_texts.h"
#include "base/log.h"
#include "index/error.h"
#include "io/loop.h"
#include "mailbox/stored_mail.h"

namespace angarium::agent {
namespace {

/// Email records read at a time: some may have a hundred kilobytes of ready texts.
constexpr std::size_t kEmailsAtOnce = 32;
/// A tenth of what others get of a processor that is short; the lowest priority would not keep up with the mail.
constexpr int kNice = 10;
/// After an error, and where an account was changed by another.
constexpr Duration kAgain = std::chrono::minutes(1);
/// While an index is made anew nobody is spared, but progress is told.
constexpr Duration kRebuildSlice = std::chrono::seconds(1);
constexpr Duration kFreshenInterval = std::chrono::hours(1);
/// Slices that may wait: the background's, and those of commands.
constexpr std::size_t kQueue = 64;
/// Octets of a message that is not looked into, of which the header is indexed.
constexpr std::size_t kHeaderMax = 256 * 1024;

void gather_one(store::Tablet& tablet, const mailbox::StoredEmail& stored, index::Gatherer& into, Result<>& trouble) {
  if (!stored.email) return into.add_unread(stored.id);
  const bool whole = (*stored.email)->size <= index::kMessageMax;
  // As a search takes the message apart.
  const auto structure = whole ? message_structure(stored.email->view()) : std::nullopt;
  std::string octets;
  auto read = structure ? mailbox::read_texts(tablet, *stored.email, *structure, octets)
                        : mailbox::read_on(tablet, *stored.email, kHeaderMax, octets);
  if (!read) {
    // One damaged message must not keep the others out of the index; a store that does not answer keeps all.
    if (read.error().is(store::kDamaged) || read.error().is(mailbox::kDamaged)) return into.add_unread(stored.id);
    trouble = std::unexpected(std::move(read).error());
    return;
  }
  into.add(stored.id, octets, structure ? &*structure : nullptr, structure.has_value());
}

}  // namespace

Indexing::Indexing(store::Tablet& tablet, Options options)
    : tablet_(tablet),
      keys_(options.keys),
      clock_(*options.clock),
      thread_(io::PoolOptions{.name = "index", .threads = options.threads, .queue = kQueue}) {
  // A loop that does the work itself keeps its priority.
  if (options.threads != 0)
    (void)thread_.submit([] { setpriority(PRIO_PROCESS, 0, kNice); });  // on Linux: of this thread
}

void Indexing::end() {
  stop();
  thread_.end();
}

void Indexing::added(index::AccountId account) {
  const std::lock_guard lock(mutex_);
  Waiting& waiting = waiting_[account];
  if (waiting.messages++ == 0) waiting.since = clock_.now();
}

index::Alive Indexing::alive(index::AccountId account) const {
  return [this, account](std::span<const index::EmailId> emails) {
    return mailbox::stored_emails_there(tablet_, account, emails);
  };
}

/// What was not indexed when the last process ended, and what is left of accounts that are gone.
Result<> Indexing::find_backlog() {
  std::map<index::AccountId, index::EmailId> newest;
  TRY(mailbox::each_stored_account(tablet_, [&](index::AccountId account, index::EmailId email) {
    if (email != 0) newest[account] = email;
  }));
  std::vector<index::AccountId> gone;
  TRY(index::each_indexed(tablet_, [&](index::AccountId account, const index::State& state) {
    const auto found = newest.find(account);
    if (found == newest.end()) {
      gone.push_back(account);
    } else if (found->second <= state.mark) {
      newest.erase(found);
    }
  }));
  for (const index::AccountId account : gone) {
    if (TRY(mailbox::stored_account(tablet_, account))) continue;
    store::Batch batch;
    index::Index::erase(account, batch);
    TRY(tablet_.commit_and_wait(std::move(batch)));
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [account, email] : newest) waiting_[account].messages += kUnindexedMax;
  return {};
}

Result<Indexing::Left> Indexing::gather(index::AccountId account, index::Index& index, index::State& state,
                                        Duration budget) {
  const Moment until = system_clock().now() + budget;
  index::Gatherer gathered;
  index::EmailId mark = state.mark;
  Left left = Left::more;
  while (left == Left::more && !gathered.full() && system_clock().now() < until) {
    const auto emails = TRY(mailbox::stored_emails(tablet_, keys_, account, mark, kEmailsAtOnce));
    if (emails.empty() || emails.back().id > index::kEmailMax) left = Left::nothing;
    for (const mailbox::StoredEmail& email : emails) {
      if (email.id > index::kEmailMax || gathered.full()) break;
      if (stop_.stop_requested()) return fail(index::kEnded, "the server ends");
      Result<> trouble;
      gather_one(tablet_, email, gathered, trouble);
      if (!trouble) return std::unexpected(std::move(trouble).error());
      mark = email.id;
    }
  }
  if (mark != state.mark) state = TRY(index.append(state, gathered, mark, clock_.wall().seconds()));
  return left;
}

/// Some of what an account has unindexed becomes a chunk.
Result<Indexing::Left> Indexing::slice(index::AccountId account, Duration budget) {
  index::Index index(tablet_, account, stop_.get_token());
  auto read = index.state();
  if (!read && read.error().is(index::kDamaged)) {
    log::error("index", "an index is damaged and made anew", {{"account", account}, {"error", read.error().text()}});
    store::Batch batch;
    index::Index::erase(account, batch);
    TRY(tablet_.commit_and_wait(std::move(batch)));
    read = index::State();
  }
  index::State state = TRY(std::move(read));
  const Left left = TRY(gather(account, index, state, budget));
  while (const auto due = index::due_to_merge(state))
    state = TRY(index.merge(state, *due, alive(account), clock_.wall().seconds()));
  // The account may have been removed meanwhile, and its index with it: what was written since is nobody's.
  if (TRY(mailbox::stored_account(tablet_, account))) return left;
  store::Batch batch;
  index::Index::erase(account, batch);
  TRY(tablet_.commit_and_wait(std::move(batch)));
  return Left::nothing;
}

Result<Indexing::Left> Indexing::freshen(index::AccountId account) {
  index::Index index(tablet_, account, stop_.get_token());
  const std::int64_t now = clock_.wall().seconds();
  const index::State state = TRY(index.state());
  const auto done = TRY(index.freshen(state, alive(account), now - kFreshenSeconds, now));
  return done ? Left::more : Left::nothing;
}

std::optional<index::AccountId> Indexing::next(Moment now) {
  const std::lock_guard lock(mutex_);
  std::optional<index::AccountId> chosen;
  Moment oldest = now;
  for (const auto& [account, waiting] : waiting_) {
    const bool due = waiting.messages >= kUnindexedMax || waiting.since + kIndexPatience <= now;
    // Who waits longest: one with a hundred thousand messages takes turns with the others.
    if (!due || waiting.since > oldest || (chosen && waiting.since == oldest)) continue;
    chosen = account;
    oldest = waiting.since;
  }
  return chosen;
}

void Indexing::wait_again(index::AccountId account, const Waiting& waiting) {
  const std::lock_guard lock(mutex_);
  Waiting& all = waiting_[account];
  all.messages += waiting.messages;
  all.since = waiting.since;
}

io::Task<> Indexing::work_on(index::AccountId account) {
  {
    // What comes from now on is counted anew.
    const std::lock_guard lock(mutex_);
    waiting_.erase(account);
  }
  auto left = co_await io::run(thread_, [this, account] { return slice(account, kIndexSlice); });
  if (left && *left == Left::more) wait_again(account, {.messages = kUnindexedMax, .since = clock_.now()});
  if (left || stop_.stop_requested()) co_return;
  if (!left.error().is(index::kChanged))
    log::warning("index", "mail is not indexed, searches read it",
                 {{"account", account}, {"kind", left.error().kind().name}, {"error", left.error().text()}});
  wait_again(account, {.messages = kUnindexedMax, .since = clock_.now() + kAgain});
}

io::Task<> Indexing::freshen_all() {
  const auto due = co_await io::run(thread_, [this]() -> Result<std::vector<index::AccountId>> {
    std::vector<index::AccountId> found;
    const std::int64_t now = clock_.wall().seconds();
    TRY(index::each_indexed(tablet_, [&](index::AccountId account, const index::State& state) {
      const auto old = [&](const index::ChunkFacts& chunk) {
        return chunk.written < now - kFreshenSeconds || chunk.written > now;
      };
      if (std::ranges::any_of(state.chunks, old)) found.push_back(account);
    }));
    return found;
  });
  if (!due) co_return;
  for (const index::AccountId account : *due) {
    while (!stop_.stop_requested()) {
      auto left = co_await io::run(thread_, [this, account] { return freshen(account); });
      if (!left && !stop_.stop_requested())
        log::warning("index", "words of deleted mail stay", {{"account", account}, {"error", left.error().text()}});
      if (!left || *left == Left::nothing) break;
      co_await io::Loop::current().sleep_for(kIndexSlice);
    }
  }
}

io::Task<> Indexing::run() {
  io::Loop& loop = io::Loop::current();
  if (auto found = co_await io::run(thread_, [this] { return find_backlog(); }); !found)
    log::warning("index", "what is not indexed is not known", {{"error", found.error().text()}});
  Moment fresh = loop.now() + kFreshenInterval;
  while (!stop_.stop_requested()) {
    if (const auto account = next(clock_.now())) {
      const Moment begin = loop.now();
      co_await work_on(*account);
      co_await loop.sleep_for(std::min(loop.now() - begin, kIndexSlice * 4));
      continue;
    }
    if (loop.now() >= fresh) {
      co_await freshen_all();
      fresh = loop.now() + kFreshenInterval;
    }
    // Short sleeps: ending is not held up.
    co_await loop.sleep_for(std::chrono::seconds(1));
  }
}

io::Task<Result<std::vector<Indexing::Standing>>> Indexing::standing(std::optional<index::AccountId> account) {
  co_return co_await io::run(thread_, [this, account]() -> Result<std::vector<Standing>> {
    std::vector<Standing> all;
    TRY(mailbox::each_stored_account(tablet_, [&](index::AccountId one, index::EmailId newest) {
      if (!account || one == *account) all.push_back({.account = one, .state = {}, .newest = newest});
    }));
    for (Standing& one : all) {
      auto state = index::Index(tablet_, one.account).state();
      if (!state && !state.error().is(index::kDamaged)) return std::unexpected(std::move(state).error());
      if (state) one.state = *std::move(state);
    }
    return all;
  });
}

io::Task<Result<>> Indexing::rebuild(std::vector<index::AccountId> accounts, Tell tell) {
  std::uint64_t all = 0;
  std::vector<Standing> each;
  for (const index::AccountId account : accounts) {
    for (Standing& one : CO_TRY(co_await standing(account))) each.push_back(std::move(one));
  }
  for (const Standing& one : each) all += one.newest;
  std::uint64_t done = 0;
  for (const Standing& one : each) {
    CO_TRY(co_await io::run(thread_, [this, account = one.account]() -> Result<> {
      store::Batch batch;
      index::Index::erase(account, batch);
      TRY(tablet_.commit_and_wait(std::move(batch)));
      return {};
    }));
    Left left = Left::more;
    while (left == Left::more) {
      left = CO_TRY(co_await io::run(thread_, [this, account = one.account] { return slice(account, kRebuildSlice); }));
      const auto now = CO_TRY(co_await standing(one.account));
      if (!now.empty()) tell(done + std::min(now.front().state.mark, one.newest), all);
    }
    tell(done += one.newest, all);
  }
  co_return Result<>();
}

}  // namespace angarium::agent
