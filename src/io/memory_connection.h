// One connection of the memory network, and its two ends; only the network's own .cpp files include it.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "io/memory_network.h"
#include "io/waits.h"

namespace angarium::io {

/// The way between two hosts as it is now; shared by their connections.
struct Passage {
  bool severed = false;
};

/// Owned by its ends; the network only looks at it.
class NetworkConnection : public std::enable_shared_from_this<NetworkConnection> {
 public:
  enum Side : std::uint8_t { caller, listener };
  struct Setting {
    Loop& loop;
    std::shared_ptr<SeededRandom> random;
    std::shared_ptr<Passage> passage;
    Link link;
    Plan plan;
    std::array<std::size_t, 2> hosts;  ///< their numbers in the network: the caller's, the listener's
  };
  explicit NetworkConnection(Setting setting);
  NetworkConnection(const NetworkConnection&) = delete;
  NetworkConnection& operator=(const NetworkConnection&) = delete;

  /// Once for each side.
  std::unique_ptr<Stream> make_end(Side side, Endpoint local, Endpoint peer);
  /// Begins what the plan says of its end.
  void begin();

  void break_off(Break how);
  /// The passage is open again.
  void resume();
  /// The host that fell silent is back, and knows nothing of the connection.
  void forget(std::size_t host);

  [[nodiscard]] bool between(const Passage* passage) const { return setting_.passage.get() == passage; }
  [[nodiscard]] bool touches(std::size_t host) const { return setting_.hosts[0] == host || setting_.hosts[1] == host; }
  [[nodiscard]] bool open() const { return state_ == State::open && (ways_[0].writer || ways_[1].writer); }

 private:
  class End;
  enum class State : std::uint8_t { open, reset, ended, silent, forgotten };

  /// A stretch of octets on its way, or the news that no more come.
  struct Stretch {
    Moment arrival;
    std::string octets;
    enum class Last : std::uint8_t { no, shut, closed } last = Last::no;
  };
  /// One direction.
  struct Way final : Timer {
    void fire() override { connection->deliver(*this); }
    [[nodiscard]] std::size_t unread() const { return arrived.size() - taken; }
    [[nodiscard]] bool has_room(std::size_t capacity) const { return flying_octets + unread() < capacity; }

    NetworkConnection* connection = nullptr;
    std::deque<Stretch> flying;
    std::size_t flying_octets = 0;
    std::string arrived;
    std::size_t taken = 0;         ///< of what arrived
    std::size_t passed = 0;        ///< octets that arrived in all
    std::size_t limit = SIZE_MAX;  ///< when so many have passed, the connection breaks
    bool shut = false;             ///< the writer says no more
    bool ended = false;            ///< and the reader knows
    bool closed = false;           ///< the reader is gone: what arrives is dropped
    bool deaf = false;             ///< and the writer knows
    Moment free_at;                ///< when the link takes the next octet
    Moment last_arrival;
    End* writer = nullptr;
    End* reader = nullptr;
  };
  /// Ends the connection at the time of its plan.
  struct Breaker final : Timer {
    void fire() override { connection->break_off(connection->setting_.plan.how); }
    NetworkConnection* connection = nullptr;
  };

  void send(Way& way, Stretch stretch);
  void deliver(Way& way);
  void take_in(Way& way, Stretch stretch);
  Way& opposite(const Way& way) { return &way == &ways_[0] ? ways_[1] : ways_[0]; }
  static void wake(End* end, Direction direction);
  void wake_all();

  Setting setting_;
  State state_ = State::open;
  std::array<Way, 2> ways_;  ///< by the side that writes
  Breaker breaker_;
};

}  // namespace angarium::io
