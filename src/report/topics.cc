#include "report/topics.h"

#include <algorithm>

#include "report/layout.h"

namespace ccbench {
namespace {

constexpr std::size_t kLabelWidth = 11;  ///< at least, so that most runs look alike
constexpr std::size_t kProseWidth = 20;  ///< at least, however narrow the terminal

void write_topic(const Topic& topic, std::size_t label_width, std::size_t width, std::ostream& out) {
  const auto& [label, remarks] = topic;
  std::size_t of_width = 0;
  for (const Remark& remark : remarks) of_width = std::max(of_width, width_of(remark.of));
  if (of_width > 0) of_width += 2;
  std::string_view before;
  for (const Remark& remark : remarks) {
    const bool first = &remark == remarks.data();
    const std::string indent(label_width + (remark.of.empty() ? 0 : of_width), ' ');
    std::string margin = padded(first ? label : "", label_width);
    if (!remark.of.empty()) margin += padded(first || remark.of != before ? remark.of : "", of_width);
    const std::size_t rest = std::max(width, indent.size() + kProseWidth) - indent.size();
    const std::vector<std::string> lines =
        remark.copied ? std::vector{remark.text} : wrapped(remark.text, rest);
    for (const std::string& line : lines) {
      out << margin << line << '\n';
      margin = indent;
    }
    before = remark.of;
  }
}

}  // namespace

void write_topics(const std::vector<Topic>& topics, std::size_t width, std::ostream& out) {
  std::size_t label_width = kLabelWidth;
  for (const Topic& topic : topics) label_width = std::max(label_width, topic.label.size() + 2);
  if (!topics.empty()) out << '\n';
  for (const Topic& topic : topics) write_topic(topic, label_width, width, out);
}

}  // namespace ccbench
