// A DNS server of the tests: UDP and TCP on one loopback port, a thread of its own, answers by a script.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/dns_test_message.h"
#include "io/socket.h"

namespace angarium::io::dns_test {

enum class Transport { udp, tcp };

struct Question {
  std::uint16_t id = 0;
  std::string name;  ///< lower case
  std::uint16_t type = 0;
  Transport transport = Transport::udp;
  std::size_t number = 0;  ///< how often the same was asked before
};

/// What is sent back at once, packet for packet; nothing for silence.
using Script = std::function<std::vector<std::string>(const Question&)>;

class Server {
 public:
  explicit Server(Script script);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
  /// How often this was asked by all ways.
  [[nodiscard]] std::size_t asked(const std::string& name, RecordType type) const;
  [[nodiscard]] std::size_t asked_by_tcp() const;
  /// Sends to the one who asked last by UDP, from any thread.
  void send_late(const std::string& packet);

 private:
  void run();
  void serve_udp();
  void serve_tcp();
  std::vector<std::string> answer(std::string_view packet, Transport transport);

  Script script_;
  Descriptor udp_;
  Descriptor tcp_;
  Descriptor end_;
  Endpoint endpoint_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::uint16_t>, std::size_t> asked_;
  std::size_t tcp_count_ = 0;
  SocketAddress last_asker_;
  std::thread thread_;
};

}  // namespace angarium::io::dns_test
