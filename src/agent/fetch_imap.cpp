// An IMAP box: of each folder what its UIDs say is new.
#include <algorithm>
#include <chrono>
#include <ctime>

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

/// A folder there, and its name here.
struct Folder {
  std::string there;
  std::string here;
};

/// One message's octets on their way into the account.
class Sink final : public imap::ContentSink {
 public:
  explicit Sink(FetchTaking& taking) : taking_(taking) {}
  Result<void> begin(std::string_view, std::uint64_t) override {
    if (begun_) return fail(imap::kServerBroke, "the server sends a message twice");
    begun_ = true;
    taking_.begin();
    return {};
  }
  io::ValueOrTask<Result<void>> append(std::string_view octets) override { return taking_.append(octets); }
  io::ValueOrTask<Result<void>> end() override { return Result<void>{}; }
  [[nodiscard]] bool begun() const { return begun_; }

 private:
  FetchTaking& taking_;
  bool begun_ = false;
};

std::string here_of(const fetch::Box& box, std::string_view there, std::optional<char> delimiter) {
  if (equals_ignore_case(there, "INBOX")) return box.into.empty() ? "INBOX" : box.into;
  std::string name;
  for (const char c : there) name += delimiter && c == *delimiter ? '/' : c == '/' ? '_' : c;
  if (!box.into.empty()) name = box.into + "/" + name;
  const auto canonical = mailbox::canonical_name(name);
  if (canonical) return *canonical;
  return box.into.empty() ? "INBOX" : box.into;
}

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
  io::Task<Result<std::vector<Folder>>> folders();
  io::Task<Result<>> fetch_all();
  io::Task<Result<>> watch();
  io::Task<Result<>> fetch_folder(const Folder& folder);
  io::Task<Result<>> make_here(const std::string& name);
  io::Task<Result<std::vector<std::uint32_t>>> new_uids(std::uint32_t last);
  io::Task<Result<>> take(std::uint32_t uid, const Folder& folder, fetch::FolderState& state);
  io::Task<Result<>> pass_over(std::uint32_t uid, const Folder& folder, fetch::FolderState& state);
  io::Task<Result<>> remove_old(const fetch::FolderState& state);
  io::Task<Result<bool>> marked_by_us(const imap::NumberSet& old);
  io::Task<Result<>> take_owed(const Folder& folder, fetch::FolderState& state);
  io::Task<Result<>> owe(std::uint32_t uid, const Error& why, const Folder& folder, fetch::FolderState& state);
  io::Task<Result<>> put(const Folder& folder, const fetch::FolderState& state);
  io::Task<Result<fetch::FolderState>> state_of(const Folder& folder, const imap::SelectResult& selected);

  FetchRun& run_;
  const fetch::Box& box_;
  imap::Client client_;
  bool has_uidplus_ = false;
  bool has_idle_ = false;
};

io::Task<Result<>> Session::enter() {
  const bool known = CO_TRY(co_await client_.greet());
  if (box_.tls == fetch::Tls::starttls) CO_TRY(co_await client_.start_tls());
  CO_TRY(co_await check_key(run_));
  if (!known) {
    sasl::ClientContext credentials;
    credentials.identity.authentication_id = box_.user;
    credentials.password = sasl::Secret::copy(box_.password);
    // Whether there may be a connection without TLS was judged before it was made.
    const auto in = co_await client_.log_in(std::move(credentials), sasl::Plaintext::allowed);
    if (!in) {
      const Error& error = in.error();
      const auto says = [&](std::string_view code) { return error.text().starts_with(code); };
      const bool for_sure = says("[AUTHENTICATIONFAILED]") || says("[AUTHORIZATIONFAILED]") || says("[EXPIRED]") ||
                            says("[PRIVACYREQUIRED]");
      if (error.is(imap::kNoMechanism) || (error.is(imap::kServerRefused) && for_sure))
        co_return fail(kFetchRefused, error.text());
      if (error.is(imap::kServerRefused)) co_return fail(kFetchNotLetIn, error.text());
      co_return std::unexpected(error);
    }
  }
  const auto* const told = CO_TRY(co_await client_.capabilities());
  has_uidplus_ = told->has("UIDPLUS") || told->has("IMAP4REV2");
  has_idle_ = told->has("IDLE") || told->has("IMAP4REV2");
  co_return Result<>();
}

io::Task<Result<std::vector<Folder>>> Session::folders() {
  std::vector<Folder> found;
  if (box_.folders.empty()) found.push_back({"INBOX", here_of(box_, "INBOX", std::nullopt)});
  const bool all = box_.folders.size() == 1 && box_.folders.front() == "*";
  if (box_.folders.empty()) co_return found;
  // Where names are listed we learn the delimiter, and how the server writes what it named.
  const auto rows = CO_TRY(co_await client_.list("", "*"));
  for (const imap::ListResponse& row : rows) {
    const bool wanted = all || std::ranges::find(box_.folders, row.name) != box_.folders.end();
    // What shows the messages of other folders once more.
    const bool copies = all && (row.attributes & (imap::kNameAll | imap::kNameFlagged)) != 0;
    if (!wanted || copies || (row.attributes & (imap::kNameNoSelect | imap::kNameNonExistent)) != 0) continue;
    found.push_back({row.name, here_of(box_, row.name, row.delimiter)});
  }
  for (const std::string& name : box_.folders) {
    const bool there = all || std::ranges::any_of(found, [&](const Folder& one) { return one.there == name; });
    if (!there) run_.remark = "the server has no folder '" + name + "'";
  }
  co_return found;
}

io::Task<Result<>> Session::fetch_all() {
  for (const Folder& folder : CO_TRY(co_await folders())) {
    if (!run_.wanted()) co_return fail(kCancelled, "stopped");
    const auto fetched = co_await fetch_folder(folder);
    if (fetched) continue;
    // This folder is refused; the others may not be.
    if (!fetched.error().is(imap::kServerRefused)) co_return std::unexpected(fetched.error());
    run_.remark = folder.there + ": " + fetched.error().text();
  }
  co_return Result<>();
}

/// Waits for news in the first folder; all are looked at when there are some, and when it is time to.
io::Task<Result<>> Session::watch() {
  if (!has_idle_) co_return Result<>();
  std::uint64_t looked = 0;  // UIDNEXT of the last look: what it did not find there is gone, and is no news
  while (run_.wanted()) {
    if (run_.caught_up) co_await run_.caught_up();
    const auto all = CO_TRY(co_await folders());
    if (all.empty()) co_return Result<>();
    const auto selected = CO_TRY(co_await client_.select(all.front().there, imap::Access::read_only));
    const auto state = CO_TRY(co_await state_of(all.front(), selected));
    // What came between the look and now is no news to IDLE.
    const bool news =
        selected.exists > 0 && selected.uid_next > std::max<std::uint64_t>(std::uint64_t{state.last} + 1, looked);
    looked = selected.uid_next;
    if (!news) {
      run_.idling = true;
      const auto waited = co_await client_.idle(
          [](const imap::Response& response) {
            const auto* const number = std::get_if<imap::NumberResponse>(&response);
            return number != nullptr && number->kind == imap::NumberResponse::Kind::exists;
          },
          run_.stop, std::min<Duration>(imap::kIdleRenewal, box_.every));
      run_.idling = false;
      CO_TRY(waited);
    }
    if (!run_.wanted()) break;
    CO_TRY(co_await fetch_all());
  }
  co_return fail(kCancelled, "stopped");
}

io::Task<Result<fetch::FolderState>> Session::state_of(const Folder& folder, const imap::SelectResult& selected) {
  auto state = CO_TRY(co_await io::run(run_.services.pool(), [&boxes = run_.boxes, id = box_.id, name = folder.there] {
    return boxes.folder(id, name);
  }));
  // RFC 9051 §2.3.1.1: other UIDs now; nothing is known of them.
  if (state.uid_validity != selected.uid_validity) state = {.uid_validity = selected.uid_validity};
  co_return state;
}

io::Task<Result<>> Session::make_here(const std::string& name) {
  const auto mail = CO_TRY(co_await run_.services.mail().account(box_.account));
  const auto* const there = mail->listing()->find(name);
  if (there != nullptr && there->selectable) co_return Result<>();
  const auto made = co_await mail->create(name);
  if (!made && !made.error().is(mailbox::kMailboxExists)) co_return std::unexpected(made.error());
  co_return Result<>();
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

io::Task<Result<>> Session::fetch_folder(const Folder& folder) {
  const bool removes = box_.remove_after.has_value();
  const auto selected =
      CO_TRY(co_await client_.select(folder.there, removes ? imap::Access::read_write : imap::Access::read_only));
  if (selected.uid_validity == 0 || selected.uids_not_sticky)
    co_return fail(kFetchRefused, "the server has no lasting UIDs, so that nobody could tell what is new");
  auto state = CO_TRY(co_await state_of(folder, selected));
  const bool news = selected.exists > 0 && state.last < UINT32_MAX &&
                    (selected.uid_next == 0 || selected.uid_next > std::uint64_t{state.last} + 1);
  CO_TRY(co_await take_owed(folder, state));
  if (news) {
    const auto uids = CO_TRY(co_await new_uids(state.last));
    if (!uids.empty()) CO_TRY(co_await make_here(folder.here));
    for (const std::uint32_t uid : uids) {
      if (!run_.wanted()) co_return fail(kCancelled, "stopped");
      CO_TRY(co_await take(uid, folder, state));
    }
  }
  if (!state.owed.empty() && run_.remark.empty())
    run_.remark = folder.there + ": the server refuses messages, which are asked for again later";
  if (removes && selected.exists > 0) CO_TRY(co_await remove_old(state));
  co_return Result<>();
}

io::Task<Result<>> Session::take(std::uint32_t uid, const Folder& folder, fetch::FolderState& state) {
  FetchTaking taking(run_);
  Sink sink(taking);
  std::optional<imap::FetchResponse> got;
  const auto each = [&](const imap::Response& response) {
    const auto* const one = std::get_if<imap::FetchResponse>(&response);
    // News of flags come in between.
    if (one != nullptr && one->uid == uid && !one->contents.empty()) got = *one;
  };
  const auto asked = co_await client_.uid_fetch(std::to_string(uid), "(UID FLAGS BODY.PEEK[])", each, &sink);
  // It is gone since it was listed (RFC 9051 §7.1, EXPUNGEISSUED).
  const bool gone =
      !asked && asked.error().is(imap::kServerBusy) && asked.error().text().starts_with("[EXPUNGEISSUED]");
  // Dovecot says SERVERBUG of what it cannot read.
  const bool refused =
      !asked && (asked.error().is(imap::kServerRefused) ||
                 (asked.error().is(imap::kServerBusy) && asked.error().text().starts_with("[SERVERBUG]")));
  if (refused) co_return co_await owe(uid, asked.error(), folder, state);
  if (!asked && !gone) co_return std::unexpected(asked.error());
  if (!got && sink.begun()) co_return fail(imap::kServerBroke, "the server sends a message that was not asked for");
  if (!got) {
    state.last = std::max(state.last, uid);
    std::erase_if(state.owed, [&](const fetch::Owed& one) { return one.uid == uid; });
    co_return Result<>();
  }
  // NIL: it is there, and the server cannot read it (RFC 9051 §7.5.2).
  if (!sink.begun() && !got->contents.front().octets) {
    run_.remark = folder.there + ": the server cannot read message " + std::to_string(uid);
    co_return co_await pass_over(uid, folder, state);
  }
  if (!sink.begun()) {
    taking.begin();
    CO_TRY(co_await taking.append(*got->contents.front().octets));
  }
  if (taking.too_large()) co_return co_await pass_over(uid, folder, state);
  fetch::FolderState after = state;
  after.last = std::max(after.last, uid);
  std::erase_if(after.owed, [&](const fetch::Owed& one) { return one.uid == uid; });
  mailbox::DeliveryTarget target{.mailbox = folder.here, .flags = {}};
  if (got->flags) {
    target.flags.system = static_cast<mailbox::SystemFlags>(got->flags->system & ~imap::kDeleted);
    target.flags.keywords = got->flags->keywords;
  }
  CO_TRY(co_await taking.deliver(std::move(target), fetch::folder_key(box_.id, folder.there), fetch::encode(after)));
  state = std::move(after);
  co_return Result<>();
}

io::Task<Result<>> Session::pass_over(std::uint32_t uid, const Folder& folder, fetch::FolderState& state) {
  if (state.passed_over.size() == fetch::kPassedOverMax)
    co_return fail(kFetchRefused, "too many messages of '" + folder.there + "' are larger than any may be here");
  state.last = std::max(state.last, uid);
  std::erase_if(state.owed, [&](const fetch::Owed& one) { return one.uid == uid; });
  state.passed_over.insert(std::ranges::lower_bound(state.passed_over, uid), uid);
  ++run_.progress.passed_over;
  co_return co_await put(folder, state);
}

io::Task<Result<>> Session::put(const Folder& folder, const fetch::FolderState& state) {
  co_return co_await io::run(run_.services.pool(), [&boxes = run_.boxes, id = box_.id, name = folder.there, state] {
    return boxes.put_folder(id, name, state);
  });
}

/// The folder goes on behind it; it is asked for again after a while, and less and less often.
io::Task<Result<>> Session::owe(std::uint32_t uid, const Error& why, const Folder& folder, fetch::FolderState& state) {
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
io::Task<Result<>> Session::take_owed(const Folder& folder, fetch::FolderState& state) {
  const WallTime now = io::Loop::current().clock().wall();
  std::vector<std::uint32_t> due;
  for (const fetch::Owed& one : state.owed)
    // A civil clock that was set back does not make it wait for longer.
    if (const std::int64_t wait = one.next.microseconds - now.microseconds; wait <= 0 || wait > kOwedPauseMax.count())
      due.push_back(one.uid);
  if (due.empty()) co_return Result<>();
  CO_TRY(co_await make_here(folder.here));
  for (const std::uint32_t uid : due) {
    if (!run_.wanted()) co_return fail(kCancelled, "stopped");
    CO_TRY(co_await take(uid, folder, state));
  }
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
