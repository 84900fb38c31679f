// Who sends letters: clients that hand in a message, and come again until they know what became of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/memory_network.h"
#include "protocol/smtp/client.h"
#include "simulation/ledger.h"
#include "simulation/server.h"

namespace angarium::simulation {

struct Errand {
  Letter letter;
  Duration after{};     ///< the start of the world
  io::Endpoint server;  ///< that takes it
  protocol::smtp::Chunking chunking = protocol::smtp::Chunking::when_needed;
};

class Users {
 public:
  Users(Around& around, io::MemoryNetwork::Host& place) : around_(around), place_(place) {}
  void send(Errand errand);
  /// Everybody knows what became of his letter.
  [[nodiscard]] bool done() const { return busy_ == 0; }

 private:
  io::Task<> go(Errand errand);
  /// What is left to be sent of it.
  io::Task<std::vector<Addressed>> attempt(const Errand& errand, std::vector<Addressed> left);

  Around& around_;
  io::MemoryNetwork::Host& place_;
  std::size_t busy_ = 0;
};

}  // namespace angarium::simulation
