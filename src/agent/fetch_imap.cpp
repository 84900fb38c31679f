// An IMAP box: of each folder what its UIDs say is new.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <set>
#include <utility>

#include "agent/fetch_folders.h"
#include "agent/fetch_incoming.h"
#include "agent/fetch_run.h"
#include "base/log.h"
#include "base/text.h"
#include "fetch/record.h"
#include "io/loop.h"
#include "protocol/imap/client.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

/// UIDs that one folder is asked for: a guard against a server that lists without end.
constexpr std::size_t kUidsMax = 5'000'000;
/// Octets of a set of UIDs in one command; RFC 7162 §4 asks servers for lines of 8,192.
constexpr std::size_t kSetMax = 4000;

/// A message that the server refuses is asked for again after a while, doubled each time.
constexpr Duration kOwedPause = std::chrono::minutes(30);
constexpr Duration kOwedPauseMax = std::chrono::hours(24);

/// Messages that are asked for by one command: a round trip each would be most of the time far away.
constexpr std::size_t kTogetherMax = 100;

/// How often folders that IDLE does not watch are asked for news, and how many of them at one time.
constexpr Duration kOthersPause = std::chrono::minutes(2);
constexpr std::size_t kOthersMax = 50;

/// "1-Feb-1994", that many days before now (RFC 9051 §9, date).
std::string day_before(WallTime now, std::uint32_t days) {
  const std::time_t seconds = now.seconds() - std::int64_t{days} * 86'400;
  std::tm day{};
  gmtime_r(&seconds, &day);
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return std::to_string(day.tm_mday) + "-" + std::string(kMonths[day.tm_mon]) + "-" +
         std::to_string(day.tm_year + 1900);
}

class Session {
 public:
  explicit Session(FetchRun& run)
      : run_(run), box_(*run.box), client_(*run.connection, {.timeout = run.timeout, .stream_from = 0}) {}

  io::Task<Result<>> work() {
    CO_TRY(co_await enter());
    CO_TRY(co_await fetch_all());
    if (box_.watching == fetch::Watching::idles) CO_TRY(co_await watch());
    (void)co_await client_.logout();
    co_return Result<>();
  }

 private:
  io::Task<Result<>> enter();
  io::Task<Result<>> fetch_all();
  io::Task<Result<>> watch();
  io::Task<Result<bool>> wait_for_news(const FetchFolder& folder, Duration at_most);
  io::Task<Result<bool>> fetch_others(const std::vector<FetchFolder>& all);
  io::Task<Result<>> fetch_folder(const FetchFolder& folder);
  io::Task<Result<std::vector<std::uint32_t>>> new_uids(std::uint32_t last);
  io::Task<Result<>> take(std::vector<std::uint32_t> uids, const FetchFolder& folder, fetch::FolderState& state);
  /// What is left of them, and why; empty: all are here or gone.
  struct Left {
    std::vector<std::uint32_t> uids;
    std::optional<Error> why;
  };
  io::Task<Result<Left>> ask(const std::vector<std::uint32_t>& uids, const FetchFolder& folder,
                             fetch::FolderState& state);
  /// A message, and which of those that were asked for with it are not here yet.
  struct Arrival {
    FetchArrived message;
    const std::set<std::uint32_t>& open;
  };
  io::Task<Result<>> keep(Arrival arrival, const FetchFolder& folder, fetch::FolderState& state);
  io::Task<Result<>> pass_over(FetchArrived message, const FetchFolder& folder, fetch::FolderState& after);
  io::Task<Result<>> remove_old(const fetch::FolderState& state);
  io::Task<Result<bool>> marked_by_us(const imap::NumberSet& old);
  io::Task<Result<>> take_owed(const FetchFolder& folder, fetch::FolderState& state);
  io::Task<Result<>> owe(std::uint32_t uid, const Error& why, const FetchFolder& folder, fetch::FolderState& state);
  io::Task<Result<>> put(const FetchFolder& folder, const fetch::FolderState& state);
  io::Task<Result<fetch::FolderState>> state_of(const FetchFolder& folder, const imap::SelectResult& selected);

  FetchRun& run_;
  const fetch::Box& box_;
  imap::Client client_;
  bool has_uidplus_ = false;
  bool has_idle_ = false;
  std::map<std::string, std::uint64_t> seen_;  ///< UIDNEXT of folders when they were looked at
  std::size_t next_other_ = 0;
  std::size_t together_ = kTogetherMax;  ///< messages of the next command; less where some are refused
};

io::Task<Result<>> Session::enter() {
  const bool known = CO_TRY(co_await client_.greet());
  if (box_.tls == fetch::Tls::starttls) CO_TRY(co_await client_.start_tls());
  CO_TRY(co_await check_key(run_));
  if (known && box_.layer != sasl::Protection::none)
    co_return std::unexpected(
        refused_before_login(box_, "the server asks nobody who it is, so that there is no security layer"));
  if (!known) {
    auto credentials = CO_TRY(co_await fetch_credentials(run_, "imap"));
    // Whether there may be a connection without TLS was judged before it was made.
    const auto in = co_await client_.log_in(std::move(credentials), sasl::Plaintext::allowed, weak_for(box_));
    if (!in) {
      const Error& error = in.error();
      const auto says = [&](std::string_view code) { return error.text().starts_with(code); };
      const bool for_sure = says("[AUTHENTICATIONFAILED]") || says("[AUTHORIZATIONFAILED]") || says("[EXPIRED]") ||
                            says("[PRIVACYREQUIRED]");
      if (may_change(run_) && error.is(imap::kServerRefused)) co_return fail(sasl::kUnavailable, error.text());
      if (error.is(imap::kNoMechanism)) co_return std::unexpected(refused_before_login(box_, error.text()));
      if (error.is(imap::kServerRefused) && for_sure) co_return fail(kFetchRefused, error.text());
      if (error.is(imap::kServerRefused)) co_return fail(kFetchNotLetIn, error.text());
      co_return std::unexpected(error);
    }
  }
  const auto* const told = CO_TRY(co_await client_.capabilities());
  has_uidplus_ = told->has("UIDPLUS") || told->has("IMAP4REV2");
  has_idle_ = told->has("IDLE") || told->has("IMAP4REV2");
  co_return Result<>();
}

io::Task<Result<>> Session::fetch_all() {
  for (const FetchFolder& folder : CO_TRY(co_await list_folders(client_, box_, run_.remark))) {
    if (!run_.wanted()) co_return fail(kCancelled, "stopped");
    const auto fetched = co_await fetch_folder(folder);
    if (fetched) continue;
    // This folder is refused; the others may not be.
    if (!fetched.error().is(imap::kServerRefused)) co_return std::unexpected(fetched.error());
    run_.remark = folder.there + ": " + fetched.error().text();
  }
  co_return Result<>();
}

/// Waits for news in the first folder; the others are asked for their UIDs every few minutes, and all are looked at
/// when it is time to.
io::Task<Result<>> Session::watch() {
  if (!has_idle_) co_return Result<>();
  io::Loop& loop = io::Loop::current();
  if (run_.caught_up) co_await run_.caught_up();
  const auto all = CO_TRY(co_await list_folders(client_, box_, run_.remark));
  if (all.empty()) co_return Result<>();
  Moment next_look = loop.now() + box_.every;
  const Duration turn = all.size() > 1 ? std::min<Duration>(imap::kIdleRenewal, kOthersPause) : imap::kIdleRenewal;
  while (run_.wanted()) {
    const bool news = CO_TRY(co_await wait_for_news(all.front(), std::min(turn, next_look - loop.now())));
    if (!run_.wanted()) break;
    if (news || loop.now() >= next_look) {
      CO_TRY(co_await fetch_all());
      next_look = loop.now() + box_.every;
      if (run_.caught_up) co_await run_.caught_up();
    } else if (CO_TRY(co_await fetch_others(all)) && run_.caught_up) {
      co_await run_.caught_up();
    }
  }
  co_return fail(kCancelled, "stopped");
}

/// At once when there are some.
io::Task<Result<bool>> Session::wait_for_news(const FetchFolder& folder, Duration at_most) {
  const auto selected = CO_TRY(co_await client_.select(folder.there, imap::Access::read_only));
  const auto state = CO_TRY(co_await state_of(folder, selected));
  // What came between the look and now is no news to IDLE; what the look did not find is gone.
  const std::uint64_t looked = std::exchange(seen_[folder.there], selected.uid_next);
  if (selected.exists > 0 && selected.uid_next > std::max<std::uint64_t>(std::uint64_t{state.last} + 1, looked))
    co_return true;
  bool told = false;
  run_.idling = true;
  const auto waited = co_await client_.idle(
      [&](const imap::Response& response) {
        const auto* const number = std::get_if<imap::NumberResponse>(&response);
        told = told || (number != nullptr && number->kind == imap::NumberResponse::Kind::exists);
        return told;
      },
      run_.stop, std::max<Duration>(at_most, std::chrono::milliseconds(1)));
  run_.idling = false;
  CO_TRY(waited);
  co_return told;
}

/// Of the folders that IDLE does not watch, those that have other UIDs than at the last look; whether there are any.
io::Task<Result<bool>> Session::fetch_others(const std::vector<FetchFolder>& all) {
  bool any = false;
  const std::size_t others = all.size() - 1;
  for (std::size_t i = 0; i < std::min(others, kOthersMax); ++i) {
    if (!run_.wanted()) co_return fail(kCancelled, "stopped");
    const FetchFolder& folder = all[1 + next_other_++ % others];
    const auto told = co_await client_.status(folder.there, "UIDNEXT");
    // It is gone, or refused: the next look tells.
    if (!told && told.error().is(imap::kServerRefused)) continue;
    if (!told) co_return std::unexpected(told.error());
    const auto next = std::ranges::find(told->items, "UIDNEXT", &std::pair<std::string, std::uint64_t>::first);
    if (next == told->items.end() || std::exchange(seen_[folder.there], next->second) == next->second) continue;
    any = true;
    const auto fetched = co_await fetch_folder(folder);
    if (!fetched && !fetched.error().is(imap::kServerRefused)) co_return std::unexpected(fetched.error());
    if (!fetched) run_.remark = folder.there + ": " + fetched.error().text();
  }
  co_return any;
}

io::Task<Result<fetch::FolderState>> Session::state_of(const FetchFolder& folder, const imap::SelectResult& selected) {
  auto state = CO_TRY(co_await io::run(run_.services.pool(), [&boxes = run_.boxes, id = box_.id, name = folder.there] {
    return boxes.folder(id, name);
  }));
  // RFC 9051 §2.3.1.1: other UIDs now; nothing is known of them.
  if (state.uid_validity != selected.uid_validity) state = {.uid_validity = selected.uid_validity};
  co_return state;
}

io::Task<Result<std::vector<std::uint32_t>>> Session::new_uids(std::uint32_t last) {
  std::vector<std::uint32_t> uids;
  bool endless = false;
  // "n:*" always names the last message (RFC 9051 §9, seq-range): what is not new is sorted out.
  CO_TRY(co_await client_.uid_fetch(std::to_string(last + 1) + ":*", "(UID)", [&](const imap::Response& response) {
    const auto* const one = std::get_if<imap::FetchResponse>(&response);
    if (one == nullptr || !one->uid || *one->uid <= last) return;
    endless = endless || uids.size() == kUidsMax;
    if (!endless) uids.push_back(*one->uid);
  }));
  if (endless) co_return fail(imap::kServerBroke, "the server lists messages without end");
  std::ranges::sort(uids);
  uids.erase(std::ranges::unique(uids).begin(), uids.end());
  co_return uids;
}

io::Task<Result<>> Session::fetch_folder(const FetchFolder& folder) {
  const bool removes = box_.remove_after.has_value();
  const auto selected =
      CO_TRY(co_await client_.select(folder.there, removes ? imap::Access::read_write : imap::Access::read_only));
  if (selected.uid_validity == 0 || selected.uids_not_sticky)
    co_return fail(kFetchRefused, "the server has no lasting UIDs, so that nobody could tell what is new");
  auto state = CO_TRY(co_await state_of(folder, selected));
  seen_[folder.there] = selected.uid_next;
  const bool news = selected.exists > 0 && state.last < UINT32_MAX &&
                    (selected.uid_next == 0 || selected.uid_next > std::uint64_t{state.last} + 1);
  CO_TRY(co_await take_owed(folder, state));
  if (news) {
    const auto uids = CO_TRY(co_await new_uids(state.last));
    if (!uids.empty()) CO_TRY(co_await make_mailbox_here(run_, folder.here));
    CO_TRY(co_await take(uids, folder, state));
  }
  if (!state.owed.empty() && run_.remark.empty())
    run_.remark = folder.there + ": the server refuses messages, which are asked for again later";
  if (removes && selected.exists > 0) CO_TRY(co_await remove_old(state));
  co_return Result<>();
}

/// The folder goes on without what the server refuses.
io::Task<Result<>> Session::take(std::vector<std::uint32_t> uids, const FetchFolder& folder,
                                 fetch::FolderState& state) {
  std::ranges::reverse(uids);
  while (!uids.empty()) {
    if (!run_.wanted()) co_return fail(kCancelled, "stopped");
    // Any of them may come to be owed.
    const std::size_t room = fetch::kPassedOverMax - std::min(fetch::kPassedOverMax, state.owed.size());
    std::vector<std::uint32_t> asked;
    while (!uids.empty() && (asked.empty() || asked.size() < std::min(together_, room))) {
      asked.push_back(uids.back());
      uids.pop_back();
    }
    Left left = CO_TRY(co_await ask(asked, folder, state));
    if (!left.why) {
      together_ = std::min(kTogetherMax, together_ * 2);
      continue;
    }
    if (asked.size() == 1) {
      CO_TRY(co_await owe(asked.front(), *left.why, folder, state));
      continue;
    }
    // Some server ends the whole command at the first that it cannot give: that one is asked for by itself.
    if (left.uids.size() == asked.size()) together_ = std::max<std::size_t>(1, together_ / 2);
    uids.insert(uids.end(), left.uids.rbegin(), left.uids.rend());
    const std::uint32_t first = uids.back();
    uids.pop_back();
    const Left alone = CO_TRY(co_await ask({first}, folder, state));
    if (alone.why) CO_TRY(co_await owe(first, *alone.why, folder, state));
  }
  co_return Result<>();
}

io::Task<Result<Session::Left>> Session::ask(const std::vector<std::uint32_t>& uids, const FetchFolder& folder,
                                             fetch::FolderState& state) {
  imap::NumberSet set;
  for (const std::uint32_t uid : uids) set.add(uid);
  FetchIncoming* arriving = nullptr;
  FetchIncoming incoming(run_, uids, [&](FetchArrived message) {
    return keep({.message = std::move(message), .open = arriving->open()}, folder, state);
  });
  arriving = &incoming;
  const auto asked = co_await client_.uid_fetch(
      set.text(), "(UID FLAGS INTERNALDATE BODY.PEEK[])",
      [&](const imap::Response& response) { incoming.told(response); }, &incoming);
  const auto says = [&](std::string_view code) {
    return asked.error().is(imap::kServerBusy) && asked.error().text().starts_with(code);
  };
  // Dovecot says SERVERBUG of what it cannot read, others BAD.
  const bool refused =
      !asked && (asked.error().is(imap::kServerRefused) || asked.error().is(imap::kServerBad) || says("[SERVERBUG]"));
  // They were, when they were listed (RFC 9051 §7.1, EXPUNGEISSUED).
  const bool gone = !asked && says("[EXPUNGEISSUED]");
  if (!asked && !refused && !gone) co_return std::unexpected(asked.error());
  if (incoming.trouble()) co_return std::unexpected(*incoming.trouble());
  if (!refused) CO_TRY(co_await incoming.take_rest());
  Left left;
  if (refused || (gone && uids.size() > 1)) {
    left.uids.assign(incoming.open().begin(), incoming.open().end());
    if (!left.uids.empty()) left.why = asked.error();
    co_return left;
  }
  if (incoming.open().empty()) co_return left;
  // What an answer leaves out is gone, mostly; nothing that is there may pass for fetched.
  imap::NumberSet missing;
  for (const std::uint32_t uid : incoming.open()) missing.add(uid);
  const imap::NumberSet there = CO_TRY(co_await client_.uid_search("UID " + missing.text()));
  for (const std::uint32_t uid : incoming.open()) {
    if (there.contains(uid)) {
      left.uids.push_back(uid);
      continue;
    }
    state.last = std::max(state.last, uid);
    std::erase_if(state.owed, [&](const fetch::Owed& one) { return one.uid == uid; });
  }
  if (!left.uids.empty()) left.why = Error(imap::kServerRefused, "the server leaves it out of its answer");
  co_return left;
}

io::Task<Result<>> Session::keep(Arrival arrival, const FetchFolder& folder, fetch::FolderState& state) {
  if (!run_.wanted()) co_return fail(kCancelled, "stopped");
  FetchArrived& message = arrival.message;
  const imap::FetchResponse& told = message.told;
  fetch::FolderState after = with_message(state, *told.uid, arrival.open);
  // NIL: it is there, and the server cannot read it (RFC 9051 §7.5.2).
  const bool unreadable = !message.octets && !told.contents.front().octets;
  if (!message.octets) {
    message.octets = std::make_unique<FetchTaking>(run_);
    message.octets->begin();
    if (!unreadable) CO_TRY(co_await message.octets->append(*told.contents.front().octets));
  }
  if (unreadable || message.octets->too_large()) {
    CO_TRY(co_await pass_over(std::move(message), folder, after));
  } else {
    mailbox::DeliveryTarget target{.mailbox = folder.here, .flags = {}};
    if (told.flags) {
      target.flags.system = static_cast<mailbox::SystemFlags>(told.flags->system & ~imap::kDeleted);
      target.flags.keywords = told.flags->keywords;
    }
    std::optional<mailbox::Received> date;
    if (told.internal_date) date = {.at = *told.internal_date, .zone_minutes = told.internal_zone_minutes};
    CO_TRY(co_await message.octets->deliver(std::move(target), date, fetch::folder_key(box_.id, folder.there),
                                            fetch::encode(after)));
  }
  state = std::move(after);
  co_return Result<>();
}

io::Task<Result<>> Session::pass_over(FetchArrived message, const FetchFolder& folder, fetch::FolderState& after) {
  const std::uint32_t uid = *message.told.uid;
  const std::string name = "message " + std::to_string(uid) + " of " + folder.there;
  const bool too_large = message.octets->too_large();
  if (after.passed_over.size() == fetch::kPassedOverMax)
    co_return fail(kFetchRefused, "too many messages of '" + folder.there + "' are larger than any may be here");
  if (!too_large) run_.remark = folder.there + ": the server cannot read message " + std::to_string(uid);
  message.octets->pass_over(name,
                            too_large ? "it is larger than any message may be here" : "the server cannot read it");
  after.passed_over.insert(std::ranges::lower_bound(after.passed_over, uid), uid);
  ++run_.progress.passed_over;
  co_return co_await put(folder, after);
}

io::Task<Result<>> Session::put(const FetchFolder& folder, const fetch::FolderState& state) {
  co_return co_await io::run(run_.services.pool(), [&boxes = run_.boxes, id = box_.id, name = folder.there, state] {
    return boxes.put_folder(id, name, state);
  });
}

/// The folder goes on behind it; it is asked for again after a while, and less and less often.
io::Task<Result<>> Session::owe(std::uint32_t uid, const Error& why, const FetchFolder& folder,
                                fetch::FolderState& state) {
  run_.remark = folder.there + ": the server refuses message " + std::to_string(uid) +
                ", which is asked for again later: " + why.text();
  auto at = std::ranges::lower_bound(state.owed, uid, {}, &fetch::Owed::uid);
  if (at == state.owed.end() || at->uid != uid) {
    if (state.owed.size() == fetch::kPassedOverMax)
      co_return fail(imap::kServerRefused, "too many messages are refused, the last for: " + why.text());
    at = state.owed.insert(at, {.uid = uid, .refusals = 0, .next = {}});
  }
  const Duration pause = std::min<Duration>(kOwedPauseMax, kOwedPause * (1 << std::min(at->refusals, 10U)));
  ++at->refusals;
  at->next = {io::Loop::current().clock().wall().microseconds + pause.count()};
  state.last = std::max(state.last, uid);
  co_return co_await put(folder, state);
}

/// Those whose time has come.
io::Task<Result<>> Session::take_owed(const FetchFolder& folder, fetch::FolderState& state) {
  const WallTime now = io::Loop::current().clock().wall();
  std::vector<std::uint32_t> due;
  for (const fetch::Owed& one : state.owed)
    // A civil clock that was set back does not make it wait for longer.
    if (const std::int64_t wait = one.next.microseconds - now.microseconds; wait <= 0 || wait > kOwedPauseMax.count())
      due.push_back(one.uid);
  if (due.empty()) co_return Result<>();
  CO_TRY(co_await make_mailbox_here(run_, folder.here));
  for (const std::uint32_t uid : due) CO_TRY(co_await take({uid}, folder, state));
  // Those that are gone are not owed any more.
  co_return co_await put(folder, state);
}

/// Without UIDPLUS all goes that is marked there, whoever marked it: then nothing may be but what goes anyway.
io::Task<Result<bool>> Session::marked_by_us(const imap::NumberSet& old) {
  const imap::NumberSet marked = CO_TRY(co_await client_.uid_search("DELETED"));
  if (marked.difference(old).empty()) co_return true;
  run_.remark =
      "what is fetched is marked as deleted there, and not removed: others marked more, which this server, without "
      "UIDPLUS, would remove with it";
  co_return false;
}

io::Task<Result<>> Session::remove_old(const fetch::FolderState& state) {
  if (state.last == 0) co_return Result<>();
  std::string program = "UID 1:" + std::to_string(state.last);
  if (*box_.remove_after > 0)
    program += " BEFORE " + day_before(io::Loop::current().clock().wall(), *box_.remove_after);
  imap::NumberSet passed_over;
  for (const std::uint32_t uid : state.passed_over) passed_over.add(uid);
  for (const fetch::Owed& one : state.owed) passed_over.add(one.uid);
  const imap::NumberSet ours({{.first = 1, .last = state.last}});
  // Nothing is removed that is not here, whatever the server finds.
  const imap::NumberSet old = CO_TRY(co_await client_.uid_search(program)).intersection(ours).difference(passed_over);
  std::string set;
  const auto ranges = old.ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    set += (set.empty() ? "" : ",") + std::to_string(ranges[i].first) +
           (ranges[i].last == ranges[i].first ? "" : ":" + std::to_string(ranges[i].last));
    if (i + 1 < ranges.size() && set.size() < kSetMax) continue;
    if (!run_.wanted()) co_return fail(kCancelled, "stopped");
    CO_TRY(co_await client_.uid_store(set, "+FLAGS.SILENT (\\Deleted)"));
    if (!has_uidplus_ && !CO_TRY(co_await marked_by_us(old))) co_return Result<>();
    CO_TRY(has_uidplus_ ? co_await client_.uid_expunge(set) : co_await client_.expunge());
    set.clear();
  }
  co_return Result<>();
}

}  // namespace

io::Task<Result<>> fetch_imap(FetchRun& run) {
  Session session(run);
  co_return co_await session.work();
}

}  // namespace angarium::agent
