// The security layer of GSSAPI (RFC 4752 §3.3).
#include <utility>

#include "sasl/gss.h"

namespace angarium::sasl {
namespace {

class GssLayer final : public SecurityLayer {
 public:
  GssLayer(std::unique_ptr<GssContext> context, Protection protection, std::size_t clear_max)
      : context_(std::move(context)), protection_(protection), clear_max_(clear_max) {}

  [[nodiscard]] std::size_t clear_max() const override { return clear_max_; }
  [[nodiscard]] std::size_t receive_max() const override { return kLayerBufferMax; }

  Result<std::string> wrap(std::string_view clear) override {
    if (clear.empty() || clear.size() > clear_max_)
      return fail(kBroken, "a buffer for the security layer is empty or too long");
    return context_->wrap(clear, protection_);
  }

  Result<std::string> unwrap(std::string_view buffer) override {
    if (broken_ || buffer.size() > kLayerBufferMax) return refuse();
    auto opened = context_->unwrap(buffer);
    if (!opened) return refuse();
    // What was agreed on as secret has to come so.
    if (protection_ == Protection::confidentiality && !opened->sealed) return refuse();
    return std::move(opened->clear);
  }

 private:
  std::unexpected<Error> refuse() {
    broken_ = true;
    return fail(kLayer, "GSSAPI: a protected buffer is not what the other side sent next");
  }

  std::unique_ptr<GssContext> context_;
  Protection protection_;
  std::size_t clear_max_;
  bool broken_ = false;
};

}  // namespace

Result<std::unique_ptr<SecurityLayer>> gss_layer(std::unique_ptr<GssContext> context, Protection protection,
                                                 std::size_t peer_max) {
  if (protection == Protection::none) return nullptr;
  const std::size_t clear_max = context->clear_max(peer_max, protection);
  if (clear_max == 0) return fail(kMalformed, "GSSAPI: the other side takes no buffer that could hold anything");
  return std::make_unique<GssLayer>(std::move(context), protection, clear_max);
}

}  // namespace angarium::sasl
