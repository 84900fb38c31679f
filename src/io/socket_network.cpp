#include "io/network.h"

namespace angarium::io {
namespace {

class SocketNetwork final : public Network {
 public:
  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options) override {
    return io::connect(std::move(to), std::move(options));
  }
};

}  // namespace

std::unique_ptr<Network> socket_network() { return std::make_unique<SocketNetwork>(); }

}  // namespace angarium::io
