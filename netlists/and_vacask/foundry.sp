* the foundry's transistors, which VACASK reads as SPICE text
.lib models/sm141064.ngspice typical
.param sw_stat_global=0 sw_stat_mismatch=0 fnoicor=0
