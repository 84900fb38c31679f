#include "transfer/remote_session.h"

#include <algorithm>

#include "base/text.h"
#include "io/block_on.h"
#include "io/error.h"
#include "wire/saslsec/exchange.h"

namespace angarium::transfer {
namespace {

namespace imap = protocol::imap;

/// The messages are gone since they were listed (RFC 9051 §7.1).
bool says_gone(const Error& error) {
  return error.is(imap::kServerBusy) && error.text().starts_with("[EXPUNGEISSUED]");
}

/// A refusal that these messages are the reason of: Dovecot says SERVERBUG of those it cannot read.
bool refuses_messages(const Error& error) {
  return error.is(imap::kServerRefused) || (error.is(imap::kServerBusy) && error.text().starts_with("[SERVERBUG]"));
}

std::size_t contents_of(const imap::FetchResponse& told) {
  std::size_t octets = 0;
  for (const auto& content : told.contents)
    octets += content.label.size() + (content.octets ? content.octets->size() : 0);
  return octets;
}

/// In memory, all but a fixed part.
std::size_t weight_of(const RemoteEvent& event) {
  const imap::FetchResponse& told = event.told;
  std::size_t octets = event.octets.size() + contents_of(told);
  if (told.flags)
    for (const std::string& keyword : told.flags->keywords) octets += sizeof(keyword) + keyword.size();
  for (const auto* const text : {&told.envelope, &told.body, &told.body_structure, &told.email_id, &told.thread_id})
    octets += text->size();
  return octets;
}

}  // namespace

/// Streams the octets of one message after the other to whoever takes them.
class RemoteSession::Sink final : public imap::ContentSink {
 public:
  explicit Sink(RemoteSession& session) : session_(session) {}

  Result<void> begin(std::string_view before, std::uint64_t) override {
    if (session_.begun_) return fail(imap::kServerBroke, "the server sends a message twice");
    session_.begun_ = true;
    RemoteEvent event{.kind = RemoteEvent::Kind::begin, .octets = {}, .told = {}, .error = {}};
    // As if the message were not there: what is told before it is known already.
    if (auto told = imap::parse_response(std::string(before) + "NIL)"))
      if (auto* const fetched = std::get_if<imap::FetchResponse>(&*told)) event.told = std::move(*fetched);
    session_.push(std::move(event));
    return {};
  }

  io::ValueOrTask<Result<void>> append(std::string_view octets) override {
    session_.push({.kind = RemoteEvent::Kind::octets, .octets = std::string(octets), .told = {}, .error = {}});
    if (session_.ahead_ < kAheadOctets || session_.leaving_) return Result<void>();
    return wait_for_room(session_);
  }

  io::ValueOrTask<Result<void>> end() override { return Result<void>(); }

 private:
  static io::Task<Result<void>> wait_for_room(RemoteSession& session) {
    co_await session.pause();
    co_return Result<void>();
  }

  RemoteSession& session_;
};

RemoteSession::RemoteSession(io::Loop& loop, std::unique_ptr<wire::Connection> connection, RemoteOptions options)
    : loop_(loop),
      connection_(std::move(connection)),
      options_(std::move(options)),
      client_(*connection_, {.timeout = options_.timeout, .stream_from = 0}),
      room_(loop) {}

RemoteSession::~RemoteSession() {
  leaving_ = true;
  connection_->close();
  // Whoever reads from the connection ends before it does.
  while (fetching_) {
    room_.set();
    loop_.run();
  }
}

// --- the beginning ---------------------------------------------------------------------------------------------------

Result<> RemoteSession::enter() { return io::block_on(loop_, log_in()); }

Result<> RemoteSession::check_peer() const {
  return wire::tls::check_peer(*connection_, way_to(options_.url), options_.key, "by --key");
}

io::Task<Result<>> RemoteSession::log_in() {
  const bool known = CO_TRY(co_await client_.greet());
  if (options_.url.tls == fetch::Tls::starttls) CO_TRY(co_await client_.start_tls());
  CO_TRY(check_peer());
  if (known) co_return Result<>();
  sasl::ClientContext credentials;
  credentials.identity.authentication_id = options_.url.user;
  credentials.has = options_.has;
  credentials.password = std::move(options_.password);
  credentials.service = "imap";
  credentials.host = options_.url.host;
  credentials.bindings = wire::saslsec::channel_bindings(*connection_);
  // The strongest layer that can be had.
  if (connection_->tls() == nullptr) credentials.protection_max = sasl::Protection::confidentiality;
  if (options_.has == sasl::Needs::ticket) {
    credentials.gss = CO_TRY(options_.ticket(credentials));
    // The ticket says who it is; the name is what the server may know it by.
    credentials.identity = {};
  }
  // Whether there may be a connection without TLS was judged before it was made.
  const auto in = co_await client_.log_in(std::move(credentials), sasl::Plaintext::allowed);
  if (in) co_return Result<>();
  if (in.error().is(imap::kServerRefused) || in.error().is(imap::kNoMechanism))
    co_return fail(kNotLetIn, options_.url.host + " does not let " + escape_controls(options_.url.user, 200) +
                                  " in: " + in.error().text());
  co_return std::unexpected(in.error());
}

// --- folders ---------------------------------------------------------------------------------------------------------

std::string RemoteSession::path_of(const std::string& name) const {
  return "imap:" + options_.url.user + "@" + to_lower(options_.url.host) + "/" + name;
}

Result<Found> RemoteSession::find() { return io::block_on(loop_, list()); }

Result<RemoteFolder> RemoteSession::select(const std::string& name) {
  auto selected = io::block_on(loop_, examine(name));
  if (selected) return selected;
  const Error& error = selected.error();
  if (!error.is(imap::kServerRefused) && !error.is(imap::kServerBusy)) return selected;
  return fail(kPlace, "the server does not open it: " + error.text());
}

io::Task<Result<RemoteFolder>> RemoteSession::examine(std::string name) {
  // Read only: nothing is changed there, \Recent neither.
  const auto selected = CO_TRY(co_await client_.select(std::move(name), imap::Access::read_only));
  RemoteFolder folder{.uid_validity = selected.uids_not_sticky ? 0 : selected.uid_validity, .messages = {}};
  if (selected.exists == 0) co_return folder;
  bool endless = false;
  CO_TRY(co_await client_.uid_fetch("1:*", "(UID RFC822.SIZE)", [&](const imap::Response& response) {
    const auto* const one = std::get_if<imap::FetchResponse>(&response);
    if (one == nullptr || !one->uid) return;
    endless = endless || folder.messages.size() == kRemoteMessagesMax;
    if (!endless) folder.messages.push_back({.uid = *one->uid, .octets = one->size.value_or(0)});
  }));
  if (endless) co_return fail(imap::kServerBroke, "the server lists messages without end");
  std::ranges::sort(folder.messages, {}, &RemoteMessage::uid);
  const auto same = std::ranges::unique(folder.messages, {}, &RemoteMessage::uid);
  folder.messages.erase(same.begin(), same.end());
  co_return folder;
}

// --- messages --------------------------------------------------------------------------------------------------------

/// Those that stand beside each other there are named as one range, whatever numbers are free between them.
std::vector<RemoteSession::Asked> RemoteSession::sets_of(const std::vector<RemoteMessage>& all,
                                                         const std::vector<std::uint32_t>& wanted) {
  std::vector<Asked> sets;
  auto at = std::ranges::lower_bound(all, wanted.empty() ? 0 : wanted.front(), {}, &RemoteMessage::uid);
  for (std::size_t i = 0; i < wanted.size();) {
    at = std::lower_bound(at, all.end(), wanted[i],
                          [](const RemoteMessage& one, std::uint32_t uid) { return one.uid < uid; });
    std::size_t end = i;
    while (end < wanted.size() && at != all.end() && at->uid == wanted[end]) ++end, ++at;
    if (sets.empty() || sets.back().set.size() > kRemoteSetMax) sets.emplace_back();
    Asked& last = sets.back();
    if (!last.set.empty()) last.set += ',';
    last.set += std::to_string(wanted[i]);
    if (end > i + 1) last.set += ":" + std::to_string(wanted[end - 1]);
    last.uids.insert(last.uids.end(), wanted.begin() + static_cast<std::ptrdiff_t>(i),
                     wanted.begin() + static_cast<std::ptrdiff_t>(end));
    i = end;
  }
  for (Asked& one : sets) one.came.resize(one.uids.size());
  return sets;
}

void RemoteSession::fetch(const std::vector<RemoteMessage>& all, std::vector<std::uint32_t> wanted) {
  fetching_ = loop_.spawn(produce(sets_of(all, wanted)));
  if (!fetching_)
    push({.kind = RemoteEvent::Kind::failed, .octets = {}, .told = {}, .error = Error(kOutOfMemory, "no memory")});
}

io::Task<> RemoteSession::produce(std::vector<Asked> all) {
  RemoteEvent last{.kind = RemoteEvent::Kind::over, .octets = {}, .told = {}, .error = {}};
  for (Asked& asked : all) {
    auto done = co_await ask(asked);
    if (done && !bad_) continue;
    last.kind = RemoteEvent::Kind::failed;
    last.error = bad_ ? *bad_ : std::move(done).error();
    break;
  }
  push(std::move(last));
  fetching_ = false;
  loop_.stop();
}

io::Task<Result<>> RemoteSession::ask(Asked& asked) {
  Sink sink(*this);
  const auto each = [&](const imap::Response& response) {
    if (const auto* const one = std::get_if<imap::FetchResponse>(&response)) take_response(*one, asked);
  };
  // What is told of it stands before its octets where a server keeps the order.
  const auto done = co_await client_.uid_fetch(asked.set, "(UID FLAGS INTERNALDATE BODY.PEEK[])", each, &sink);
  if (bad_) co_return std::unexpected(*bad_);
  if (begun_) co_return fail(imap::kServerBroke, "the server sends half a message");
  if (!done && !says_gone(done.error()) && !refuses_messages(done.error())) co_return std::unexpected(done.error());
  if (std::ranges::find(asked.came, false) == asked.came.end()) co_return Result<>();
  co_return co_await ask_each(asked);
}

/// Those that did not come: one that the server cannot give may have kept others from coming.
io::Task<Result<>> RemoteSession::ask_each(const Asked& asked) {
  for (std::size_t i = 0; i < asked.uids.size(); ++i) {
    if (asked.came[i]) continue;
    Asked one{.set = std::to_string(asked.uids[i]), .uids = {asked.uids[i]}, .came = {false}};
    Sink sink(*this);
    const auto each = [&](const imap::Response& response) {
      if (const auto* const told = std::get_if<imap::FetchResponse>(&response)) take_response(*told, one);
    };
    const auto done = co_await client_.uid_fetch(one.set, "(UID FLAGS INTERNALDATE BODY.PEEK[])", each, &sink);
    if (bad_) co_return std::unexpected(*bad_);
    if (begun_) co_return fail(imap::kServerBroke, "the server sends half a message");
    if (done || says_gone(done.error())) continue;
    if (!refuses_messages(done.error())) co_return std::unexpected(done.error());
    RemoteEvent event{.kind = RemoteEvent::Kind::unreadable, .octets = done.error().text(), .told = {}, .error = {}};
    event.told.uid = asked.uids[i];
    push(std::move(event));
  }
  co_return Result<>();
}

void RemoteSession::take_response(const imap::FetchResponse& told, Asked& asked) {
  // News of flags come in between.
  if (told.contents.empty() || bad_) return;
  const bool streamed = std::exchange(begun_, false);
  const auto at = std::ranges::lower_bound(asked.uids, told.uid.value_or(0));
  const bool wanted = at != asked.uids.end() && told.uid == *at;
  const auto index = static_cast<std::size_t>(at - asked.uids.begin());
  if (!wanted || asked.came[index]) return break_with("the server sends a message that was not asked for");
  if (contents_of(told) > kQuotedMax) return break_with("the server sends a large message as a quoted string");
  asked.came[index] = true;
  RemoteEvent event{.kind = RemoteEvent::Kind::end, .octets = {}, .told = told, .error = {}};
  event.told.contents.clear();
  if (!streamed && !told.contents.front().octets) {
    // RFC 9051 §7.5.2: it is there, and the server cannot read it.
    event.kind = RemoteEvent::Kind::unreadable;
    event.octets = "the server cannot read it";
  } else if (!streamed) {
    event.kind = RemoteEvent::Kind::begin;
    push(event);
    push({.kind = RemoteEvent::Kind::octets, .octets = *told.contents.front().octets, .told = {}, .error = {}});
    event.kind = RemoteEvent::Kind::end;
  }
  push(std::move(event));
}

void RemoteSession::push(RemoteEvent event) {
  if (leaving_) return;
  const std::size_t weight = weight_of(event);
  if (ahead_ + weight > kAheadMax) return break_with("the server tells more of its messages than can be taken");
  ahead_ += weight;
  events_.push_back(std::move(event));
}

void RemoteSession::break_with(std::string_view reason) {
  if (!bad_) bad_.emplace(imap::kServerBroke, std::string(reason));
  connection_->close();
}

io::Task<> RemoteSession::pause() {
  paused_ = true;
  loop_.stop();
  co_await room_.wait();
  paused_ = false;
}

RemoteEvent RemoteSession::take() {
  if (events_.empty() && fetching_) {
    if (paused_) room_.set();
    loop_.run();
  }
  if (events_.empty())
    return {.kind = RemoteEvent::Kind::failed, .octets = {}, .told = {}, .error = Error(kBroken, "nothing was asked")};
  RemoteEvent event = std::move(events_.front());
  events_.pop_front();
  ahead_ -= weight_of(event);
  return event;
}

}  // namespace angarium::transfer
