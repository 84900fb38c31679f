#include "io/memory_connection.h"

#include <algorithm>
#include <cstring>

namespace angarium::io {

class NetworkConnection::End final : public Stream {
 public:
  End(std::shared_ptr<NetworkConnection> connection, Way& in, Way& out, Endpoint local, Endpoint peer)
      : connection_(std::move(connection)), in_(in), out_(out), local_(std::move(local)), peer_(std::move(peer)) {
    in_.reader = this;
    out_.writer = this;
  }
  ~End() override {
    close();
    in_.reader = nullptr;
    out_.writer = nullptr;
  }

  Result<std::size_t> try_read(std::span<char> room) override {
    if (waits_.closed()) return fail(kCancelled, "closed");
    const auto count = std::min(room.size(), in_.unread());
    if (count > 0) {
      std::memcpy(room.data(), in_.arrived.data() + in_.taken, count);
      in_.taken += count;
      if (in_.unread() == 0) {
        in_.arrived.clear();
        in_.taken = 0;
      }
      wake(in_.writer, Direction::output);
      return count;
    }
    if (in_.unread() > 0) return 0;  // no room was given
    if (connection_->state_ == State::reset) return fail(kReset, "connection reset");
    if (in_.ended) return fail(kEndOfStream, "end of stream");
    return 0;
  }

  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    if (waits_.closed()) return fail(kCancelled, "closed");
    if (connection_->state_ == State::forgotten) connection_->break_off(Break::reset);
    if (out_.shut || out_.deaf || connection_->state_ == State::reset) return fail(kReset, "broken pipe");
    const auto capacity = connection_->setting_.link.capacity;
    const auto used = out_.flying_octets + out_.unread();
    auto room = capacity - std::min(capacity, used);
    Stretch stretch;
    for (auto piece : pieces.first(std::min(pieces.size(), kMaxPieces))) {
      stretch.octets.append(piece.substr(0, room));
      if (piece.size() > room) break;
      room -= piece.size();
    }
    const auto written = stretch.octets.size();
    if (written > 0) connection_->send(out_, std::move(stretch));
    return written;
  }

  void set_deadline(Moment deadline) override { waits_.set_deadline(deadline); }

  Result<void> shutdown_write() override {
    if (waits_.closed()) return fail(kCancelled, "closed");
    say_last(Stretch::Last::shut);
    return {};
  }

  void close() override {
    if (waits_.closed()) return;
    waits_.close();
    say_last(Stretch::Last::closed);
    in_.closed = true;
    in_.arrived.clear();
    in_.taken = 0;
    wake(in_.writer, Direction::output);
  }

  [[nodiscard]] const Endpoint& peer() const override { return peer_; }
  [[nodiscard]] const Endpoint& local() const override { return local_; }

  bool start_wait(StreamWait& wait) override { return waits_.start(wait, *this, is_ready(wait.direction())); }
  void stop_wait(StreamWait& wait) noexcept override { waits_.stop(wait); }

  void wake_up(Direction direction) { waits_.wake(direction); }

 private:
  [[nodiscard]] bool is_ready(Direction direction) const {
    if (connection_->state_ == State::reset) return true;
    if (direction == Direction::input) return in_.unread() > 0 || in_.ended;
    if (out_.shut || out_.deaf || connection_->state_ == State::forgotten) return true;
    return out_.has_room(connection_->setting_.link.capacity);
  }

  void say_last(Stretch::Last last) {
    // After a shutdown the peer still has to hear that nobody reads here any more.
    if (out_.shut && last == Stretch::Last::shut) return;
    out_.shut = true;
    connection_->send(out_, {.arrival = {}, .octets = {}, .last = last});
  }

  std::shared_ptr<NetworkConnection> connection_;
  Way& in_;
  Way& out_;
  Endpoint local_;
  Endpoint peer_;
  Waits waits_;
};

NetworkConnection::NetworkConnection(Setting setting) : setting_(std::move(setting)) {
  ways_[caller].connection = ways_[listener].connection = breaker_.connection = this;
  ways_[caller].limit = setting_.plan.octets_to_listener;
  ways_[listener].limit = setting_.plan.octets_to_caller;
}

std::unique_ptr<Stream> NetworkConnection::make_end(Side side, Endpoint local, Endpoint peer) {
  return std::make_unique<End>(shared_from_this(), ways_[1 - side], ways_[side], std::move(local), std::move(peer));
}

void NetworkConnection::begin() {
  const Plan& plan = setting_.plan;
  if (plan.octets_to_caller == 0 || plan.octets_to_listener == 0) return break_off(plan.how);
  if (plan.breaks_after != Duration::max())
    setting_.loop.timers().set(breaker_, setting_.loop.now() + plan.breaks_after);
}

void NetworkConnection::send(Way& way, Stretch stretch) {
  if (state_ == State::reset || state_ == State::ended) return;
  const Link& link = setting_.link;
  const auto now = setting_.loop.now();
  way.free_at = std::max(way.free_at, now);
  if (link.octets_per_second > 0)
    way.free_at = way.free_at + Duration(stretch.octets.size() * 1'000'000 / link.octets_per_second);
  auto arrival = way.free_at + link.latency;
  if (link.jitter_max.count() > 0) {
    const auto most = static_cast<std::uint64_t>(link.jitter_max.count());
    arrival = arrival + Duration(static_cast<std::int64_t>(setting_.random->below(most + 1)));
  }
  if (link.lost_per_million > 0 && setting_.random->below(1'000'000) < link.lost_per_million)
    arrival = arrival + Link::kRetransmission;
  // TCP keeps the order: what comes behind a late stretch waits for it.
  stretch.arrival = way.last_arrival = std::max(arrival, way.last_arrival);
  way.flying_octets += stretch.octets.size();
  way.flying.push_back(std::move(stretch));
  if (!way.armed()) deliver(way);
}

void NetworkConnection::deliver(Way& way) {
  const auto keep = shared_from_this();
  while (state_ == State::open && !setting_.passage->severed && !way.flying.empty()) {
    if (way.flying.front().arrival > setting_.loop.now())
      return setting_.loop.timers().set(way, way.flying.front().arrival);
    auto stretch = std::move(way.flying.front());
    way.flying.pop_front();
    way.flying_octets -= stretch.octets.size();
    take_in(way, std::move(stretch));
  }
}

void NetworkConnection::take_in(Way& way, Stretch stretch) {
  const auto count = std::min(stretch.octets.size(), way.limit - way.passed);
  way.passed += count;
  if (way.closed) {
    wake(way.writer, Direction::output);
  } else {
    way.arrived.append(stretch.octets, 0, count);
  }
  if (stretch.last != Stretch::Last::no) way.ended = true;
  wake(way.reader, Direction::input);
  if (stretch.last == Stretch::Last::closed) {
    Way& back = opposite(way);
    back.deaf = true;
    wake(back.writer, Direction::output);
  }
  if (way.passed == way.limit && state_ == State::open) break_off(setting_.plan.how);
}

void NetworkConnection::break_off(Break how) {
  if (state_ == State::reset || state_ == State::ended) return;
  breaker_.cancel();
  if (how == Break::silence) {
    state_ = State::silent;
    return;
  }
  state_ = how == Break::reset ? State::reset : State::ended;
  for (Way& way : ways_) {
    way.cancel();
    way.flying.clear();
    way.flying_octets = 0;
    way.ended = way.deaf = true;
  }
  wake_all();
}

void NetworkConnection::resume() {
  for (Way& way : ways_) deliver(way);
}

void NetworkConnection::forget(std::size_t host) {
  if (state_ != State::silent) return;
  state_ = State::forgotten;
  // What is repeated of the octets under way is answered with a reset.
  const Side other = setting_.hosts[caller] == host ? listener : caller;
  if (!ways_[other].flying.empty()) return break_off(Break::reset);
  wake_all();
}

void NetworkConnection::wake(End* end, Direction direction) {
  if (end) end->wake_up(direction);
}

void NetworkConnection::wake_all() {
  for (Way& way : ways_) {
    wake(way.reader, Direction::input);
    wake(way.writer, Direction::output);
  }
}

}  // namespace angarium::io
