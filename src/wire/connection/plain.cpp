#include "wire/connection/over_stream.h"

namespace angarium::wire {
namespace {

class PlainConnection final : public OverStream {
 public:
  using OverStream::OverStream;
  [[nodiscard]] bool can_start_tls() const override { return false; }
  io::Task<Result<std::size_t>> start_tls([[maybe_unused]] Input& input) override {
    co_return fail(kNoTls, "TLS is not offered here");
  }
  [[nodiscard]] const TlsInfo* tls() const override { return nullptr; }
  [[nodiscard]] Result<std::string> channel_binding([[maybe_unused]] std::string_view type) const override {
    return fail(kNoChannelBinding, "not encrypted");
  }
};

}  // namespace

std::unique_ptr<Connection> plain_connection(std::unique_ptr<io::Stream> stream, std::string listener) {
  return std::make_unique<PlainConnection>(std::move(stream), std::move(listener));
}

}  // namespace angarium::wire
