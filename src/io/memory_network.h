// A network of many hosts without an operating system: latency, slow and lossy links, refusals, silence, broken
// connections, hosts that go down. On one SimulatedLoop, all by seed: the same seed, the same course.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/memory.h"
#include "io/network.h"

namespace angarium::io {

/// The way between two hosts, the same in both directions.
struct Link {
  Duration latency{0};                  ///< of everything, one way; a connection is made after two
  Duration jitter_max{0};               ///< as much more, at random, for each stretch of octets; order is kept
  std::uint64_t octets_per_second = 0;  ///< 0: any number
  std::uint32_t lost_per_million = 0;   ///< chance of a stretch to be lost: it comes kRetransmission later
  static constexpr Duration kRetransmission = std::chrono::seconds(1);  ///< RFC 6298 §2
  std::size_t capacity = 256 * 1024;  ///< octets under way and unread in each direction; then the writer waits
};

/// How a connection ends before its time.
enum class Break : std::uint8_t {
  reset,    ///< what arrived is read, then kReset (a process that died, a firewall that says so)
  end,      ///< what arrived is read, then the end of the stream, and writing fails (a process that closed)
  silence,  ///< nothing arrives any more, nobody is told (power or cable gone): only deadlines end the waits
};

/// What becomes of one connection.
struct Plan {
  enum class Opening : std::uint8_t { accepted, refused, unreachable, dropped } opening = Opening::accepted;
  /// It breaks as soon as so many octets arrived at the caller, or at the listener; 0: as soon as it is made.
  std::size_t octets_to_caller = SIZE_MAX;
  std::size_t octets_to_listener = SIZE_MAX;
  Duration breaks_after = Duration::max();  ///< after it was made
  Break how = Break::reset;
};

/// Chances of each connection, by the network's seed.
struct NetworkFaults {
  std::uint32_t refused_per_million = 0;
  std::uint32_t unreachable_per_million = 0;
  std::uint32_t dropped_per_million = 0;
  std::uint32_t broken_per_million = 0;       ///< breaks in one of the three ways, after so many octets at random
  std::size_t broken_octets_max = 16 * 1024;  ///< in one direction at random
};

/// Belongs to one loop and ends before it; its hosts end with it. Streams may outlive it.
class MemoryNetwork {
 public:
  explicit MemoryNetwork(Loop& loop, std::uint64_t seed = 1, Link link = {});
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;
  ~MemoryNetwork();

  /// One host: what is connected from it comes from its addresses. Loopback addresses and UNIX paths are its own.
  class Host final : public Network {
   public:
    ~Host() override;
    using Network::connect;
    /// kUnreachable at once without an address of the family; after the latency when nobody has the address.
    Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options) override;

    /// Called with the listener's end of each connection, in a turn of the loop.
    using Handler = std::function<void(std::unique_ptr<Stream>)>;
    /// 0.0.0.0 and [::] stand for all addresses of the host. A second handler for the same endpoint replaces the first.
    void listen(const Endpoint& at, Handler handler);
    void stop_listening(const Endpoint& at);

    enum class State : std::uint8_t {
      up,
      stopped,  ///< the machine is there, its programs are not: its connections are reset, new ones refused
      gone,     ///< nothing is there: its connections fall silent, new ones are dropped
    };
    /// A host that comes back up knows nothing of connections that fell silent: they are reset when their other end
    /// writes, or has octets under way.
    void set_state(State state);
    [[nodiscard]] State state() const;
    [[nodiscard]] const std::vector<IpAddress>& addresses() const;
    [[nodiscard]] const std::string& name() const;
    /// Connections that are made and not broken or closed by both ends.
    [[nodiscard]] std::size_t connections() const;

   private:
    friend MemoryNetwork;
    struct Body;
    explicit Host(std::unique_ptr<Body> body);
    std::unique_ptr<Body> body_;
  };

  /// No two hosts have the same address.
  Host& add_host(std::string name, std::vector<IpAddress> addresses);

  /// The link between two hosts, for connections made from then on. Others have the network's.
  void set_link(const Host& one, const Host& other, Link link);
  /// Nothing passes between the two: new connections are dropped, octets under way wait.
  void sever(const Host& one, const Host& other);
  /// Everything that waited arrives.
  void mend(const Host& one, const Host& other);

  /// Asked for each connection when its first word arrives. None: as the faults have it.
  void set_plan(std::function<Plan(const Endpoint& from, const Endpoint& to)> plan);
  void set_faults(NetworkFaults faults);
  /// Connections that were asked for so far.
  [[nodiscard]] std::uint64_t attempts() const;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace angarium::io
