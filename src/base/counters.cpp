#include "base/counters.h"

#include <algorithm>
#include <vector>

namespace angarium {
namespace {

std::atomic<Counter*>& head() {
  static std::atomic<Counter*> first{nullptr};
  return first;
}

}  // namespace

Counter::Counter(std::string_view name, std::string_view help, CounterKind kind, std::string_view labels)
    : name_(name), help_(help), labels_(labels), kind_(kind) {
  next_ = head().load();
  while (!head().compare_exchange_weak(next_, this)) {
  }
}

std::string counters_page() {
  std::vector<const Counter*> all;
  for (const Counter* c = head().load(); c != nullptr; c = c->next_) all.push_back(c);
  std::sort(all.begin(), all.end(), [](const Counter* a, const Counter* b) {
    return a->name_ != b->name_ ? a->name_ < b->name_ : a->labels_ < b->labels_;
  });
  std::string page;
  std::string_view previous;
  for (const Counter* c : all) {
    if (c->name_ != previous) {
      page += "# HELP " + std::string(c->name_) + " " + std::string(c->help_) + "\n# TYPE " + std::string(c->name_) +
              (c->kind_ == CounterKind::counter ? " counter\n" : " gauge\n");
      previous = c->name_;
    }
    page += std::string(c->name_);
    if (!c->labels_.empty()) page += "{" + std::string(c->labels_) + "}";
    page += " " + std::to_string(c->value()) + "\n";
  }
  return page;
}

}  // namespace angarium
