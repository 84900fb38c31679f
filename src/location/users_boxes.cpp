#include "location/users_boxes.h"

#include <sys/socket.h>

#include <algorithm>

#include "mailbox/name.h"

namespace angarium::location {
namespace {

/// An mbox spool is worked on apart from what lies in folders of the user's.
bool is_spool(const Location& location, const std::string& path) {
  return location.form == Location::Form::mbox && path == location.inbox;
}

std::string key_of(const Location& location, const std::string& path) {
  return route::format_location(location) + (is_spool(location, path) ? "\n" : "");
}

}  // namespace

/// A box that another process has opened.
class UsersBoxes::BoxThere final : public OpenBox {
 public:
  BoxThere(UsersBoxes& boxes, HandPtr hand, BoxOpened opened)
      : boxes_(boxes), hand_(std::move(hand)), opening_(opened.opening) {
    messages_ = std::move(opened.messages);
    all_ = opened.all;
    keyword_names_ = std::move(opened.names);
  }
  Result<std::string> read(std::size_t index) override {
    return TRY(boxes_.ask<MessageRead>(hand_, ReadMessage{opening_, static_cast<std::uint32_t>(index)})).octets;
  }
  Result<std::optional<message::DateTime>> received(std::size_t index) override {
    return TRY(boxes_.ask<Received>(hand_, WhenReceived{opening_, static_cast<std::uint32_t>(index)})).date;
  }
  Result<> change(const std::vector<std::size_t>& removed, const Marks& marked, const KeywordNames& names) override {
    TRY(boxes_.ask<Done>(hand_, ChangeBox{opening_, removed, marked, names}));
    return {};
  }

 private:
  UsersBoxes& boxes_;
  HandPtr hand_;
  std::uint32_t opening_;
};

Result<std::vector<Found>> UsersBoxes::find(const Location& location) {
  const std::string path = location.folders.empty() ? location.inbox : "";
  std::vector<Found> boxes = TRY(ask<BoxesFound>(location, path, FindBoxes{})).boxes;
  // Who works there is believed as far as the user is.
  std::erase_if(boxes, [&](const Found& found) {
    const auto name = mailbox::canonical_name(found.mailbox);
    const bool inbox = found.mailbox == mailbox::kInbox;
    return !name || *name != found.mailbox || !is_in(location, found.path) || inbox != (found.path == location.inbox);
  });
  return boxes;
}

Result<> UsersBoxes::make(const Location& location, const std::string& path) {
  TRY(ask<Done>(location, path, MakeBox{path}));
  return {};
}

Result<> UsersBoxes::rename(const Location& location, const std::string& from, const std::string& to) {
  TRY(ask<Done>(location, from, RenameBox{from, to}));
  return {};
}

Result<> UsersBoxes::remove(const Location& location, const std::string& path) {
  TRY(ask<Done>(location, path, RemoveBox{path}));
  return {};
}

Result<bool> UsersBoxes::is_missing(const Location& location, const std::string& path) {
  return TRY(ask<Missing>(location, path, IsMissing{path})).missing;
}

Result<Stamp> UsersBoxes::stamp(const Location& location, const std::string& path) {
  return TRY(ask<BoxLooked>(location, path, LookAtBox{path})).stamp;
}

Result<std::shared_ptr<OpenBox>> UsersBoxes::open(const Location& location, const std::string& path) {
  HandPtr hand = TRY(hand_for(location, path));
  auto opened = TRY(ask<BoxOpened>(hand, OpenBoxOf{path}));
  return std::make_shared<BoxThere>(*this, std::move(hand), std::move(opened));
}

Result<There> UsersBoxes::add(const Location& location, const std::string& path, const NewMessage& message) {
  return TRY(ask<MessageAdded>(location, path, AddMessage{path, message})).there;
}

void UsersBoxes::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (const auto& [key, hand] : hands_) ::shutdown(hand->socket.get(), SHUT_RDWR);
}

bool UsersBoxes::is_slow(const std::string& user) {
  const std::lock_guard lock(mutex_);
  return taken_.is_slow(user, clock_.now());
}

/// `unanswered`: it took all the time there is.
void UsersBoxes::note_time(const std::string& user, Duration spent, bool unanswered) {
  const std::lock_guard lock(mutex_);
  const Moment now = clock_.now();
  if (taken_.add(user, spent, now) || unanswered) time_off_[user] = now + kTimeOff;
}

/// Under the mutex: processes that nobody has needed for a while.
void UsersBoxes::let_go() {
  const Moment now = clock_.now();
  for (auto* const off : {&time_off_, &host_off_})
    std::erase_if(*off, [now](const auto& one) { return one.second <= now; });
  taken_.forget(now);
  std::erase_if(hands_, [now](const auto& one) {
    return one.second.use_count() == 1 && (one.second->broken || now - one.second->used >= kHandUnused);
  });
}

/// Under the mutex: the longest unneeded of too many goes for one more.
void UsersBoxes::make_room() {
  while (hands_.size() >= kHandsKept) {
    auto oldest = hands_.end();
    for (auto at = hands_.begin(); at != hands_.end(); ++at)
      if (at->second.use_count() == 1 && (oldest == hands_.end() || at->second->used < oldest->second->used))
        oldest = at;
    if (oldest == hands_.end()) return;
    hands_.erase(oldest);
  }
}

Result<UsersBoxes::HandPtr> UsersBoxes::hand_for(const Location& location, const std::string& path) {
  const std::string key = key_of(location, path);
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return fail(kTrouble, "the server ends");
    let_go();
    if (const auto off = time_off_.find(location.user); off != time_off_.end())
      return fail(kTrouble, "the files of " + location.user + " did not answer in time; they are asked again later");
    if (host_off_.contains(location.user))
      return fail(kTrouble, "the host began no process for " + location.user + " in time; it is asked again later");
    if (const auto found = hands_.find(key); found != hands_.end()) {
      if (!found->second->broken) {
        found->second->used = clock_.now();
        return found->second;
      }
      hands_.erase(found);
    }
    make_room();
  }
  auto hand = std::make_shared<Hand>();
  hand->user = location.user;
  const Moment begun = system_clock().now();
  auto socket = attend_({.name = location.user,
                         .place = route::format_location(location),
                         .spool_file = is_spool(location, path) ? path : std::string()});
  const Duration spent = system_clock().now() - begun;
  if (!socket) {
    // It is none of the user's: no file of the user's is touched before the process has begun.
    const std::lock_guard lock(mutex_);
    if (spent >= patience_.beginning) host_off_[location.user] = clock_.now() + kHostTimeOff;
    return fail(kTrouble, socket.error().text());
  }
  note_time(location.user, spent, false);
  hand->socket = *std::move(socket);
  const std::lock_guard lock(mutex_);
  if (ended_) return fail(kTrouble, "the server ends");
  hand->used = clock_.now();
  return hands_.try_emplace(key, std::move(hand)).first->second;
}

Result<Reply> UsersBoxes::exchange(Hand& hand, const Order& order) {
  const std::string octets = encode(order);
  if (octets.size() > kOrderMax) return fail(kTrouble, "a message is too large for its box");
  const Moment deadline = system_clock().now() + patience_.order;
  if (const auto written = cage::write_frame(hand.socket, octets, deadline); written == cage::Written::no_reader)
    return fail(kTrouble, "the process that works as " + hand.user + " has ended");
  return decode_reply(TRY(cage::read_frame(hand.socket, kOrderMax, deadline)));
}

template <class Wanted>
Result<Wanted> UsersBoxes::ask(const HandPtr& hand, const Order& order) {
  const std::lock_guard turn(hand->turn);
  if (hand->broken) return fail(kGone, "the process that works as " + hand->user + " has ended");
  const Moment begun = system_clock().now();
  auto reply = exchange(*hand, order);
  const Duration spent = system_clock().now() - begun;
  note_time(hand->user, spent, !reply && spent >= patience_.order);
  if (!reply) {
    // What it may say later is the answer to nothing.
    hand->broken = true;
    ::shutdown(hand->socket.get(), SHUT_RDWR);
    return fail(kGone, reply.error().text());
  }
  if (auto* const refused = std::get_if<Refused>(&*reply))
    return fail(refused->gone ? kGone : kTrouble, std::move(refused->words));
  auto* const wanted = std::get_if<Wanted>(&*reply);
  if (wanted == nullptr) return fail(kTrouble, "who works on the boxes answers something else");
  return std::move(*wanted);
}

template <class Wanted>
Result<Wanted> UsersBoxes::ask(const Location& location, const std::string& path, const Order& order) {
  return ask<Wanted>(TRY(hand_for(location, path)), order);
}

Result<Boxes*> EverybodysBoxes::of(const Location& location) {
  if (location.user.empty()) return &here_;
  if (users_ == nullptr) return fail(kTrouble, "users of this host are not served: local.system_users");
  return users_;
}

}  // namespace angarium::location
