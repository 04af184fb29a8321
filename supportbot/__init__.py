"""The ground both apps stand on: settings, processes, the model server. No support-desk words."""
