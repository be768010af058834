#include "core/registry.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace ccbench {

template <class Plugin>
void Registry<Plugin>::add(Plugin plugin) {
  const auto name_of = [](const Plugin& other) { return other.info.name; };
  const auto place = std::ranges::lower_bound(plugins_, plugin.info.name, {}, name_of);
  if (place != plugins_.end() && place->info.name == plugin.info.name) {
    throw std::logic_error("two plug-ins are named " + std::string(plugin.info.name));
  }
  plugins_.insert(place, std::move(plugin));
}

template <class Plugin>
const Plugin* Registry<Plugin>::find(std::string_view name) const {
  const auto name_of = [](const Plugin& other) { return other.info.name; };
  const auto found = std::ranges::find(plugins_, name, name_of);
  return found == plugins_.end() ? nullptr : &*found;
}

template class Registry<GuardPlugin>;
template class Registry<ScenarioPlugin>;

}  // namespace ccbench
