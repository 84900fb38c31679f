// A POP3 box: what its unique-ids say is new.
#include <set>

#include "agent/fetch_run.h"
#include "base/text.h"
#include "fetch/record.h"
#include "io/loop.h"
#include "protocol/pop3/client.h"

namespace angarium::agent {
namespace {

namespace pop3 = protocol::pop3;

using Marks = std::map<std::string, fetch::Mark, std::less<>>;

constexpr std::int64_t kDay = 86'400'000'000;

/// Puts each message into the account as soon as it is whole.
class Sink final : public pop3::MessageSink {
 public:
  Sink(FetchRun& run, const std::map<pop3::Number, std::string>& ids) : run_(run), ids_(ids), taking_(run) {}

  Result<> begin(pop3::Number) override {
    if (!run_.wanted()) return fail(kCancelled, "stopped");
    taking_.begin();
    return {};
  }
  io::ValueOrTask<Result<>> append(std::string_view octets) override { return taking_.append(octets); }
  io::ValueOrTask<Result<>> end(pop3::Number number) override { return take(number); }
  /// It is gone, or the server cannot read it: the others go on.
  Result<> refused(pop3::Number, const Error& error) override {
    run_.remark = error.text();
    return {};
  }
  /// Those that are durable here.
  [[nodiscard]] const std::vector<pop3::Number>& taken() const { return taken_; }

 private:
  io::Task<Result<>> take(pop3::Number number) {
    const std::string& id = ids_.at(number);
    const fetch::BoxId box = run_.box->id;
    fetch::Mark mark{.at = io::Loop::current().clock().wall(), .passed_over = taking_.too_large()};
    if (mark.passed_over) {
      ++run_.progress.passed_over;
      taking_.pass_over("the message with the unique-id " + escape_controls(id),
                        "it is larger than any message may be here");
      co_return co_await io::run(run_.services.pool(),
                                 [&boxes = run_.boxes, box, id, mark] { return boxes.put_mark(box, id, mark); });
    }
    mailbox::DeliveryTarget target;
    if (!run_.box->into.empty()) target.mailbox = run_.box->into;
    CO_TRY(
        co_await taking_.deliver(std::move(target), taking_.arrival(), fetch::mark_key(box, id), fetch::encode(mark)));
    taken_.push_back(number);
    co_return Result<>();
  }

  FetchRun& run_;
  const std::map<pop3::Number, std::string>& ids_;
  FetchTaking taking_;
  std::vector<pop3::Number> taken_;
};

io::Task<Result<>> enter(FetchRun& run, pop3::Client& client) {
  const fetch::Box& box = *run.box;
  CO_TRY(co_await client.greeting());
  if (box.tls == fetch::Tls::starttls) CO_TRY(co_await client.stls());
  CO_TRY(co_await check_key(run));
  auto known = CO_TRY(co_await fetch_credentials(run, "pop"));
  pop3::Credentials credentials{.identity = std::move(known.identity),
                                .password = std::move(known.password),
                                .has = known.has,
                                .weak = weak_for(box),
                                .host = box.host,
                                .protection_min = known.protection_min,
                                .protection_max = known.protection_max,
                                .gss = std::move(known.gss)};
  const auto in = co_await client.login(std::move(credentials));
  if (in) co_return Result<>();
  const Error& error = in.error();
  if (may_change(run) && (error.is(sasl::kBadCredentials) || error.is(pop3::kRefused)))
    co_return fail(sasl::kUnavailable, error.text());
  // Without RESP-CODES a server says of a maildrop in use what it says of a wrong password.
  if (error.is(pop3::kNoMechanism)) co_return std::unexpected(refused_before_login(box, error.text()));
  if (error.is(sasl::kBadCredentials)) co_return fail(kFetchRefused, error.text());
  if (error.is(pop3::kRefused)) co_return fail(kFetchNotLetIn, error.text());
  co_return std::unexpected(error);
}

/// What the listing and the marks say.
struct Plan {
  std::map<pop3::Number, std::string> ids;  ///< of the new ones
  std::vector<pop3::Number> fresh;
  std::vector<pop3::Number> over;     ///< fetched, and no longer wanted there
  std::vector<std::string> removed;   ///< their marks
  std::vector<std::string> vanished;  ///< marks of what is not there any more
};

bool is_over(const fetch::Box& box, const fetch::Mark& mark, WallTime now) {
  if (!box.remove_after || mark.passed_over) return false;
  return now.microseconds - mark.at.microseconds >= kDay * std::int64_t{*box.remove_after};
}

Plan make_plan(const fetch::Box& box, const std::vector<pop3::Unique>& listed, const Marks& marks, WallTime now) {
  Plan plan;
  std::set<std::string_view> there;
  for (const pop3::Unique& one : listed) {
    const bool first = there.insert(one.id).second;
    const auto mark = marks.find(one.id);
    if (mark != marks.end()) {
      // Of several with one id only the first was fetched.
      if (!first || !is_over(box, mark->second, now)) continue;
      plan.over.push_back(one.number);
      plan.removed.push_back(one.id);
    } else if (first) {
      plan.ids.emplace(one.number, one.id);
      plan.fresh.push_back(one.number);
    }
  }
  for (const auto& [id, mark] : marks)
    if (!there.contains(id)) plan.vanished.push_back(id);
  return plan;
}

}  // namespace

io::Task<Result<>> fetch_pop3(FetchRun& run) {
  const fetch::Box& box = *run.box;
  pop3::ClientOptions options{.timeout = run.timeout};
  // Whether there may be a connection without TLS was judged before it was made.
  if (box.tls == fetch::Tls::none) options.plaintext_without_tls = sasl::Plaintext::allowed;
  pop3::Client client(*run.connection, options);
  CO_TRY(co_await enter(run, client));
  const auto listed = co_await client.uidl();
  if (!listed && listed.error().is(pop3::kRefused))
    co_return fail(kFetchRefused, "the server has no UIDL, so that nobody could tell what is new");
  if (!listed) co_return std::unexpected(listed.error());
  const Marks marks =
      CO_TRY(co_await io::run(run.services.pool(), [&boxes = run.boxes, id = box.id] { return boxes.marks(id); }));
  Plan plan = make_plan(box, *listed, marks, io::Loop::current().clock().wall());
  if (!plan.fresh.empty() && !box.into.empty()) CO_TRY(co_await make_mailbox_here(run, box.into));
  Sink sink(run, plan.ids);
  const auto fetched = co_await client.retr(plan.fresh, sink);
  if (!fetched) co_return std::unexpected(fetched.error());
  if (box.remove_after == 0U)
    for (const pop3::Number number : sink.taken()) {
      plan.over.push_back(number);
      plan.removed.push_back(plan.ids.at(number));
    }
  if (!run.wanted()) co_return fail(kCancelled, "stopped");
  // Also when a removal is refused: QUIT does the others.
  const auto removed = co_await client.dele(plan.over);
  if (!removed && !removed.error().is(pop3::kRefused)) co_return std::unexpected(removed.error());
  const auto left = co_await client.quit();
  if (!plan.over.empty() && !left) co_return std::unexpected(left.error());
  // An id is one message's only as long as that exists (RFC 1939 §7): the next one to have it is new.
  if (removed) plan.vanished.insert(plan.vanished.end(), plan.removed.begin(), plan.removed.end());
  co_return co_await io::run(run.services.pool(),
                             [&boxes = run.boxes, id = box.id, vanished = std::move(plan.vanished)] {
                               return boxes.forget_marks(id, vanished);
                             });
}

}  // namespace angarium::agent
